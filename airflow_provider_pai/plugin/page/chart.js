"use strict";
// A chart of one metric as SVG: this run and the ones before, drawn by hand, without a library.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 420, HEIGHT = 170, LEFT = 56, RIGHT = 6, TOP = 8, BOTTOM = 24;

function drawn(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function numberText(value) {
  if (value === null || value === undefined) return "not a number";
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(5));
}

function bounds(runs, axis) {
  let low = Infinity, high = -Infinity;
  for (const run of runs) for (const point of run.points) {
    const value = point[axis];
    if (value !== null) { if (value < low) low = value; if (value > high) high = value; }
  }
  if (low > high) return [0, 1];
  return low === high ? [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2] : [low, high];
}

function pathOf(points, across, up) {
  let text = "";
  points.forEach(([place, value], number) => {
    if (value === null) return;
    const [x, y] = [across(place).toFixed(1), up(value).toFixed(1)];
    const before = number > 0 && points[number - 1][1] !== null;
    const after = number + 1 < points.length && points[number + 1][1] !== null;
    text += `${before ? "L" : "M"}${x} ${y}`;
    // A point without neighbours is a dot: a line of no length would not be seen.
    if (!before && !after) text += "m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0";
  });
  return text;
}

/** Return the chart of a curve of the view; what it shows is said in its label, too. */
function chartOf(curve) {
  const [left, right] = bounds(curve.runs, 0), [low, high] = bounds(curve.runs, 1);
  const across = (place) => LEFT + ((place - left) / (right - left)) * (WIDTH - LEFT - RIGHT);
  const up = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const label = `${curve.name} of ${curve.runs.length} runs, from ${numberText(low)} to ${numberText(high)}; this run is at ${numberText(curve.last)}`;
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  svg.append(drawn("path", { class: "axis", fill: "none", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
  for (const [value, place] of [[high, TOP + 8], [low, HEIGHT - BOTTOM]]) {
    svg.append(drawn("text", { x: LEFT - 4, y: place, "text-anchor": "end" }, numberText(value)));
  }
  const unit = curve.unit === "s" ? " s" : "";
  svg.append(drawn("text", { x: LEFT, y: HEIGHT - 6 }, numberText(left) + unit));
  svg.append(drawn("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, (unit ? "" : "step ") + numberText(right) + unit));
  // This run is drawn last, over the others.
  for (let number = curve.runs.length - 1; number >= 0; number--) {
    svg.append(drawn("path", { class: `run r${number}`, d: pathOf(curve.runs[number].points, across, up) }));
  }
  return svg;
}
