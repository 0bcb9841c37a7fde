"""A picture of what deferred tasks cost and how late their ends are seen, by their number; made of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from xml.sax.saxutils import escape

from benchmarks.report import OURS, Report

_WIDTH, _HEIGHT, _GAP = 330, 220, 60
_LEFT, _TOP, _BOTTOM = 52, 44, 44
_SIZES = (500, 2_000, 10_000, 50_000)
_COLOURS = ("#0a7d4f", "#c4541c", "#4763c8", "#8a4fa8")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One diagram with logarithmic axes.

    Attributes:
        title: what it shows.
        bottom: the lowest value.
        top: the highest value.
        series: points of each line; a single one is a dot.
    """

    title: str
    bottom: float
    top: float
    series: Mapping[str, Points]

    def svg(self, left: float) -> str:
        """Return it as a group, moved to the right."""
        parts = [f'<text x="0" y="-16" font-weight="bold">{escape(self.title)}</text>']
        value = self.bottom
        while value <= self.top * 1.001:
            y = self._y(value)
            parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
            parts.append(f'<text x="-8" y="{y + 4:.0f}" text-anchor="end">{value:g}</text>')
            value *= 10
        parts += [f'<text x="{_x(n):.0f}" y="{_HEIGHT + 18}" text-anchor="middle">{n:,}</text>' for n in _SIZES]
        for number, (name, points) in enumerate(self.series.items()):
            parts += self._line(name, points, _COLOURS[number % len(_COLOURS)], number)
        return f'<g transform="translate({left:.0f},{_TOP})">{"".join(parts)}</g>'

    def _line(self, name: str, points: Points, colour: str, number: int) -> list[str]:
        places = [(_x(size), self._y(value)) for size, value in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        x, y = _WIDTH - 215, 14 + 16 * number
        key = f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/><text x="{x + 15}" y="{y}">'
        line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        return [line, *dots, f"{key}{escape(name)}</text>"]

    def _y(self, value: float) -> float:
        share = log10(max(value, self.bottom) / self.bottom) / log10(self.top / self.bottom)
        return _HEIGHT * (1 - share)


def deferred_svg(report: Report) -> str:
    """Return an SVG document: calls a second, and seconds from a job's end to its event, by the number of tasks.

    Args:
        report: that of the benchmark ``triggers``.
    """
    width = _LEFT + 2 * _WIDTH + _GAP + 20
    height = _TOP + _HEIGHT + _BOTTOM
    calls = Panel("calls a second, in quiet", 0.1, 1000, _by_who(report, "calls"))
    delays = {f"{who}, {part}": _points(report, f"end to event, {part}", who) for who, part in _delays(report)}
    late = Panel("seconds from a job's end to its event", 0.1, 100, delays)
    note = f'<text x="{width / 2:.0f}" y="{height - 6}" text-anchor="middle">deferred tasks in one triggerer</text>'
    panels = calls.svg(_LEFT) + late.svg(_LEFT + _WIDTH + _GAP)
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{ground}{panels}{note}</svg>\n'


def _by_who(report: Report, measure: str) -> dict[str, Points]:
    names = dict.fromkeys(figure.who for figure in report.figures)
    return {who: found for who in names if (found := _points(report, measure, who))}


def _delays(report: Report) -> list[tuple[str, str]]:
    peers = [who for who in _by_who(report, "calls") if who != OURS]
    return [(OURS, "p50"), (OURS, "p99"), *((who, "p99") for who in peers)]


def _points(report: Report, measure: str, who: str) -> Points:
    """Return number of tasks and value of each case without logs."""
    found = [each for each in report.figures if (each.measure, each.who) == (measure, who) and "logs" not in each.case]
    return sorted((float(each.case.split()[0].replace(",", "")), each.value) for each in found)


def _x(size: float) -> float:
    first, last = log10(_SIZES[0] / 1.5), log10(_SIZES[-1] * 1.5)
    return _WIDTH * (log10(size) - first) / (last - first)
