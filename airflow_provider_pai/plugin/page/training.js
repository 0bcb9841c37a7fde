"use strict";
// Draws what the app says of a task's job, and asks again when it says so. Texts are only ever set as text.

const at = (id) => document.getElementById(id);
const BADGES = { waiting: "Waiting", running: "Running", succeeded: "Succeeded", failed: "Failed", stopped: "Stopped", loading: "Loading", none: "No job", unknown: "Unknown" };
/** Milliseconds after which Airflow counts as silent: a page must not wait for ever. */
const PATIENCE = 30000;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)/g;
let shown = null, timer = 0, chosen = null, parentSearch = "";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function show(id, text) {
  at(id).textContent = text || "";
  at(id).hidden = !text;
}

function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [[Math.floor(whole / 86400), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
  return parts.filter(([count]) => count).slice(0, 2).map(([count, unit]) => `${count} ${unit}`).join(" ") || "0 s";
}

/** Return the time zone that the reader has chosen in Airflow; undefined for the browser's own. */
function zone() {
  try {
    const name = JSON.parse(localStorage.getItem("timezone"));
    new Intl.DateTimeFormat("en", { timeZone: name || undefined });
    return name || undefined;
  } catch { return undefined; }
}

function timeText(value) {
  const time = new Date(value);
  return isNaN(time) ? "" : time.toLocaleString("sv-SE", { timeZone: zone() });
}

/** Return a text with its times in the reader's time zone. */
function readable(text) {
  return (text || "").replace(TIME, timeText);
}

/** Return the query of the task instance: a loop's iteration (Airflow 3.4) is named by Airflow's page around this one. */
function query() {
  const asked = new URLSearchParams(location.search);
  let search = "";
  try { search = window.parent === window ? "" : window.parent.location.search; } catch { /* another origin */ }
  if (search !== parentSearch) { parentSearch = search; chosen = null; }
  const around = new URLSearchParams(search);
  for (const name of ["region_id", "region_index"]) {
    const value = chosen ? chosen[name] : around.get(name);
    if (value !== null && value !== undefined) asked.set(name, value);
  }
  return `?${asked}`;
}

function drawTask(task) {
  const iterations = task.iterations || [];
  const mine = iterations.find((each) => each.is_shown);
  const which = mine && mine.number !== null ? [`Iteration ${mine.number}`] : [];
  show("which", [...which, task.tries].filter(Boolean).join(", "));
  show("note", readable(task.note));
  at("iterations-part").hidden = iterations.length < 2;
  const list = at("iterations");
  const known = JSON.stringify(iterations);
  // Who has opened the list is choosing.
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(...iterations.map((each, number) => {
    const option = element("option", `Iteration ${each.number === null ? number : each.number}: ${each.state || "not scheduled"}`);
    option.value = String(number);
    option.selected = each.is_shown;
    return option;
  }));
}

function drawHead(view) {
  at("badge").textContent = BADGES[view.state] || view.state;
  at("badge").className = `badge ${view.state}`;
  at("headline").textContent = view.headline;
  document.title = `Training: ${view.headline}`;
  drawTask(view.task || {});
  show("trouble", readable([view.trouble, ...(view.unread || [])].filter(Boolean).join(" ")));
  at("lines").replaceChildren(...(view.lines || []).map((line) => element("p", readable(line))));
  show("advice", view.advice);
  at("progress").hidden = !view.progress;
  if (view.progress) {
    at("bar").value = view.progress.fraction;
    at("percent").textContent = `${Math.round(view.progress.fraction * 100)} %`;
  }
  at("stop").hidden = !(view.stop && view.job && ["waiting", "running"].includes(view.state));
}

function drawCurves(view) {
  const curves = view.curves || [];
  at("curves-part").hidden = !curves.length;
  at("curves").replaceChildren(...curves.map((curve) => {
    const figure = element("figure"), caption = element("figcaption");
    caption.append(element("b", curve.name), element("span", readable(curve.said) || numberText(curve.last), curve.outcome || ""));
    const legend = element("ul", undefined, "legend");
    curve.runs.forEach((run, number) => {
      const item = element("li"), line = drawn("svg", { class: "sample", viewBox: "0 0 20 10", "aria-hidden": "true" });
      line.append(drawn("path", { class: `run r${number}`, d: "M0 5H20" }));
      item.append(line, readable(run.label));
      legend.append(item);
    });
    figure.append(caption, chartOf(curve), legend);
    return figure;
  }));
}

function drawLog(view) {
  const log = view.log && view.log.lines.length ? view.log : null;
  at("log-part").hidden = !log;
  if (!log) return;
  // Of a job that went wrong the log comes first, of others the curves.
  const [first, second] = ["failed", "stopped"].includes(view.state) ? ["log-part", "curves-part"] : ["curves-part", "log-part"];
  if (at(second).nextElementSibling === at(first)) at(second).before(at(first));
  const box = at("log"), follows = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
  const text = log.lines.join("\n");
  if (box.textContent === text) return;
  box.textContent = text;
  at("log-count").textContent = log.lines.length >= 200 ? `the last ${log.lines.length} lines` : "";
  // Who has scrolled up is reading.
  if (follows) box.scrollTop = box.scrollHeight;
}

function drawTimes(view) {
  const times = view.times || [];
  at("times-part").hidden = !times.length;
  at("times").replaceChildren(...times.map((entry) => {
    const row = element("tr"), since = new Date(entry.at), until = entry.until ? new Date(entry.until) : new Date(view.seen);
    const lasts = isNaN(since) || ["Succeed", "Failed", "Terminated"].includes(entry.status) ? "" : span((until - since) / 1000);
    row.append(element("td", entry.status), element("td", timeText(since)), element("td", lasts), element("td", entry.reason));
    return row;
  }));
}

function drawLinks(view) {
  const links = view.links || [];
  at("links-part").hidden = !links.length;
  at("links").replaceChildren(...links.map((link) => {
    const item = element("li");
    item.append(`${link.label}: `);
    if (link.url) {
      const anchor = element("a", link.text);
      anchor.href = link.url;
      anchor.target = "_blank";
      anchor.rel = "noopener noreferrer";
      anchor.addEventListener("click", openOutside);
      item.append(anchor);
    } else {
      item.append(element("code", link.text));
    }
    return item;
  }));
}

/** Open a link from Airflow's own page: the frame of a tab may not open windows. */
function openOutside(event) {
  if (window.parent === window) return;
  try {
    const anchor = window.parent.document.createElement("a");
    anchor.href = event.currentTarget.href;
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
    anchor.click();
    event.preventDefault();
  } catch { /* another origin: the browser decides */ }
}

function draw(view) {
  shown = view;
  drawHead(view);
  drawCurves(view);
  drawLog(view);
  drawTimes(view);
  drawLinks(view);
  at("seen").textContent = view.seen ? `As of ${timeText(view.seen)}. Times are in ${zone() || Intl.DateTimeFormat().resolvedOptions().timeZone}.` : "";
  document.querySelector("main").setAttribute("aria-busy", view.state === "loading");
  performance.mark("drawn");
}

/** Say why nothing new can be shown; what is shown already stays. */
function drawTrouble(headline, text) {
  if (shown) { show("trouble", `${headline}: ${text}`); return; }
  draw({ state: "unknown", headline, lines: [text] });
  shown = null;
}

async function refresh() {
  clearTimeout(timer);
  // A page that is not looked at asks for nothing.
  if (document.hidden) return;
  let view = null, next = 10, trouble = ["Airflow does not answer", "The API server or the network is down, or very busy. This page asks again every 10 seconds."];
  try {
    const answer = await fetch(`state${query()}`, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) view = await answer.json();
    else trouble = await refusal(answer);
    if ([401, 403, 404].includes(answer.status)) [shown, next] = [null, null];
  } catch { /* no answer, or none of this page's app */ }
  if (view) {
    draw(view);
    next = view.next_s;
  } else {
    drawTrouble(...trouble);
  }
  if (next !== null && next !== undefined) timer = setTimeout(refresh, next * 1000);
}

/** Return what a refused request means, in a few words and in a sentence. */
async function refusal(answer) {
  if (answer.status === 401) return ["You are logged out", "Load Airflow's page again to log in."];
  if (answer.status === 403) return ["You may not see this job", "That needs the right to read this DAG's task instances and their logs: ask an administrator of your Airflow."];
  if (answer.status === 404) return ["No such task instance", "It was removed from Airflow, or its run was deleted: load Airflow's page again."];
  return ["Airflow can't show the job", await reason(answer)];
}

async function reason(answer) {
  try {
    const detail = (await answer.json()).detail;
    if (typeof detail === "string") return detail;
  } catch { /* no JSON: another program than this page's answers */ }
  return `It answers with HTTP ${answer.status}. The log of Airflow's API server says more. This page asks again every 10 seconds.`;
}

async function stop() {
  at("confirm-stop").disabled = true;
  const headers = { "content-type": "application/json", "x-pai-training": "stop" };
  const body = JSON.stringify({ job_id: at("confirm").dataset.job });
  let problem = "";
  try {
    const answer = await fetch(`stop${query()}`, { method: "POST", credentials: "same-origin", headers, body });
    if (!answer.ok) problem = await reason(answer);
  } catch {
    problem = "Airflow does not answer: whether the job is being stopped is not known.";
  }
  at("confirm").close();
  await refresh();
  if (problem) show("trouble", problem);
}

function useThemeOfAirflow() {
  try {
    const root = window.parent.document.documentElement;
    const follow = () => { document.documentElement.dataset.theme = root.classList.contains("dark") ? "dark" : "light"; };
    if (window.parent !== window) {
      follow();
      new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class"] });
    }
  } catch { /* another origin: the system's colours are used */ }
}

at("stop").addEventListener("click", () => {
  at("confirm").dataset.job = shown.job.id;
  at("confirm-job").textContent = `${shown.job.name} (${shown.job.id})`;
  at("confirm-warning").textContent = shown.stop.warning;
  at("confirm-stop").disabled = false;
  at("confirm").showModal();
});
at("iterations").addEventListener("change", (event) => {
  chosen = shown.task.iterations[Number(event.target.value)];
  refresh();
});
at("keep").addEventListener("click", () => at("confirm").close());
at("confirm-stop").addEventListener("click", stop);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
useThemeOfAirflow();
refresh();
