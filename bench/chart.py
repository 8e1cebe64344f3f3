"""The chart: one panel a cell, one bar a server, its length the ratio to asyncio streams (SVG)."""

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from bench.cells import ASYNCIO, CELLS, ENDS, LANDLINE, LIMIT, SERVERS, Cell, server_named
from bench.machine import machine_words
from bench.report import grouped, rounds_words, times
from bench.summary import Spread, figure_spread, ratio, servers_in

WIDTH = 860
MARGIN = 24
NAMES = 210
FIGURES = 150
TOP = 96
BOTTOM = 64
ROW = 22
BAR = 14
PANEL_HEAD = 36
PANEL_GAP = 18
PLOT_LEFT = MARGIN + NAMES
PLOT_RIGHT = WIDTH - MARGIN - FIGURES
VALUE_ROOM = 52
TICKS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)

INK, QUIET, GRID, PAPER = "#1f2328", "#59636e", "#e4e7eb", "#ffffff"
COLOURS = {LANDLINE.name: "#1769aa", ASYNCIO.name: "#59636e", LIMIT.name: "#d9a441"}
OTHER = "#b3bcc6"


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale from ratios to pixels across the plot."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Return where a ratio lies, in pixels from the left."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return PLOT_LEFT + part * (PLOT_RIGHT - VALUE_ROOM - PLOT_LEFT)


@dataclass(frozen=True)
class Bar:
    """One server in one cell."""

    server: str
    measured: Spread
    rate: float


def as_svg(results: dict[str, Any]) -> str:
    """Return the chart of a run; cells without asyncio streams have no ratio and no panel."""
    panels = [(cell, _bars(results["samples"], cell)) for cell in CELLS]
    panels = [(cell, bars) for cell, bars in panels if bars]
    scale = _scale([bar for _, bars in panels for bar in bars])
    height = TOP + sum(_height(bars) for _, bars in panels) + BOTTOM
    parts = [_opening(height), *_title()]
    top = TOP
    for cell, bars in panels:
        parts += _panel(cell, bars, scale, top)
        top += _height(bars)
    return "\n".join([*parts, *_footer(results, height), "</svg>\n"])


def _bars(samples: list[Any], cell: Cell) -> list[Bar]:
    """Return a cell's bars, the longest first."""
    names = servers_in(samples, cell.name)
    found = []
    for name in (server.name for server in SERVERS if server.name in names):
        measured = ratio(samples, cell.name, name, ASYNCIO.name)
        rate = figure_spread(samples, cell.name, name)
        if measured and rate:
            found.append(Bar(name, measured, rate.median))
    return sorted(found, key=lambda bar: -bar.measured.median)


def _scale(bars: list[Bar]) -> Scale:
    lows = [bar.measured.low for bar in bars]
    highs = [bar.measured.high for bar in bars]
    low = max((tick for tick in TICKS if tick <= min(lows, default=1)), default=TICKS[0])
    return Scale(min(low, 0.5), max([2, *highs]))


def _height(bars: list[Bar]) -> int:
    return PANEL_HEAD + ROW * len(bars) + PANEL_GAP


def _opening(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Messages a second of each server '
        'as a ratio to asyncio streams" font-family="Helvetica, Arial, DejaVu Sans, sans-serif">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    )


def _text(x: float, y: float, words: str, size: int = 13, more: str = "", colour: str = INK) -> str:
    extra = f" {more}" if more else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{extra}'
    return f"<text {place}>{escape(words)}</text>"


def _title() -> list[str]:
    explained = "Messages a second as a multiple of asyncio streams in the same round, logarithmic scale."
    drawn = "Bar: median of the rounds. Thin line: lowest to highest."
    return [
        _text(MARGIN, 36, "An upper-case service on one core", 20, 'font-weight="bold"'),
        _text(MARGIN, 58, explained, 13, colour=QUIET),
        _text(MARGIN, 76, drawn, 13, colour=QUIET),
    ]


def _panel(cell: Cell, bars: list[Bar], scale: Scale, top: int) -> list[str]:
    rows_top = top + PANEL_HEAD
    bottom = rows_top + ROW * len(bars)
    head = f"{cell.title}: {_in_words(cell)}"
    parts = [
        _text(MARGIN, top + 14, head, 14, 'font-weight="bold"'),
        *_grid(scale, rows_top - 2, bottom),
    ]
    for number, bar in enumerate(bars):
        parts += _row(bar, scale, rows_top + ROW * number)
    return parts


def _in_words(cell: Cell) -> str:
    many = "1 message" if cell.in_flight == 1 else f"{cell.in_flight} messages"
    about = "about " if cell.mixed else ""
    return f"{cell.connections} connections, {many} in flight on each, {about}{cell.size} bytes{ENDS[cell.kind]}"


def _grid(scale: Scale, top: float, bottom: float) -> list[str]:
    parts = []
    for tick in TICKS:
        if scale.low <= tick <= scale.high:
            x = scale.x(tick)
            colour, wide = (QUIET, 1.2) if tick == 1 else (GRID, 1)
            parts.append(
                f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}" stroke-width="{wide}"/>'
            )
            parts.append(_text(x, top - 3, f"{tick:g}×", 11, 'text-anchor="middle"', QUIET))
    return parts


def _row(bar: Bar, scale: Scale, top: float) -> list[str]:
    """Draw a server's name, its bar from 1× to its ratio, the range, the ratio, the rate."""
    one, end = scale.x(1), scale.x(bar.measured.median)
    low, high = scale.x(bar.measured.low), scale.x(bar.measured.high)
    middle, base = top + ROW / 2, top + ROW / 2 + 4.5
    weight = 'font-weight="bold"' if bar.server == LANDLINE.name else ""
    colour = COLOURS.get(bar.server, OTHER)
    left, wide = min(one, end), max(abs(end - one), 2)
    return [
        _text(MARGIN, base, server_named(bar.server).label, 13, weight),
        f'<rect x="{left:.1f}" y="{middle - BAR / 2}" width="{wide:.1f}" height="{BAR}" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="{INK}" stroke-width="1.2"/>',
        _text(max(one, end, high) + 6, base, f"{times(bar.measured.median)}×", 13, weight),
        _text(
            WIDTH - MARGIN,
            base,
            f"{grouped(bar.rate)} msg/s",
            13,
            f'text-anchor="end" {weight}'.strip(),
            INK if weight else QUIET,
        ),
    ]


def _footer(results: dict[str, Any], height: int) -> list[str]:
    when = f"{results['date']}, {rounds_words(results)}, server on one core, load generator on the other, loopback."
    return [
        _text(MARGIN, height - 40, machine_words(results["machine"]) + ".", 12, colour=QUIET),
        _text(MARGIN, height - 22, when, 12, colour=QUIET),
    ]
