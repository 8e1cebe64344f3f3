"""The figures as tables: plain text for the terminal, Markdown for the README."""

from dataclasses import dataclass
from typing import Any

from bench.cells import (
    ASYNCIO,
    CELLS,
    IDLE_MAX_BYTES,
    LANDLINE,
    LIMIT,
    SERVERS,
    TARGETS,
    TWISTED,
    server_named,
)
from bench.machine import machine_words
from bench.summary import Spread, failures, figure_spread, ratio, servers_in, spread

NOTHING = "–"
Results = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table: its title, its heads, its rows, all of them text."""

    title: str
    heads: list[str]
    rows: list[list[str]]


def grouped(value: float) -> str:
    """Return a number to three digits that count, in groups of three: 1 240 000."""
    zeros = max(0, len(f"{value:.0f}") - 3)
    return counted(round(value / 10**zeros) * 10**zeros)


def counted(value: int) -> str:
    """Return a whole number, every digit of it, in groups of three: 15 000."""
    return f"{value:,}".replace(",", " ")


def times(value: float) -> str:
    """Return a ratio to three digits that count."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def tables(results: Results) -> list[Table]:
    """Return every table that has at least one row."""
    samples = results["samples"]
    found = [
        _ratios(samples),
        _rates(samples),
        _latencies(samples),
        _idle(results["idle"]),
        _startup(results["startup"]),
    ]
    return [table for table in found if table.rows]


def _ratios(samples: list[Any]) -> Table:
    rows = []
    for cell in CELLS:
        for peer in (ASYNCIO, TWISTED, LIMIT):
            measured = ratio(samples, cell.name, LANDLINE.name, peer.name)
            if measured:
                wanted = _target(cell.name, peer.name)
                words = [f"{cell.title}, {cell.figures}", peer.label]
                rows.append([*words, _with_range(measured), *_verdict(measured.median, wanted)])
    heads = ["Messages a second", "Landline to", "ratio (lowest – highest)", "target", ""]
    return Table("Landline as a multiple of a peer, in the same round", heads, rows)


def _target(cell: str, peer: str) -> float | None:
    wanted = (t.at_least for t in TARGETS if t.cell == cell and t.peer == peer)
    return next(wanted, None)


def _verdict(measured: float, wanted: float | None) -> list[str]:
    if wanted is None:
        return [NOTHING, ""]
    return [f"≥ {wanted:g}", "reached" if measured >= wanted else "missed"]


def _with_range(measured: Spread) -> str:
    return f"{times(measured.median)} ({times(measured.low)} – {times(measured.high)})"


def _rates(samples: list[Any]) -> Table:
    cells = [cell for cell in CELLS if servers_in(samples, cell.name)]
    rows = []
    for server in SERVERS:
        spreads = [figure_spread(samples, cell.name, server.name) for cell in cells]
        if any(spreads):
            rows.append([server.label, *(grouped(s.median) if s else NOTHING for s in spreads)])
    heads = ["Server", *(cell.figures for cell in cells)]
    return Table("Messages a second, median of the rounds", heads, rows)


def _latencies(samples: list[Any]) -> Table:
    rows = []
    for cell in (cell for cell in CELLS if cell.in_flight == 1):
        for server in SERVERS:
            middle = figure_spread(samples, cell.name, server.name, "latency_p50_us")
            late = figure_spread(samples, cell.name, server.name, "latency_p99_us")
            if middle and late:
                rows.append([server.label, f"{middle.median:.0f}", f"{late.median:.0f}"])
    heads = ["Server", "half within, µs", "99 of 100 within, µs"]
    return Table("Time to an answer, one at a time, 64 connections at once", heads, rows)


def _idle(idle: dict[str, Any]) -> Table:
    rows = []
    for name, result in idle.items():
        wanted = IDLE_MAX_BYTES if name == LANDLINE.name else None
        label = server_named(name).label
        if "failed" in result:
            rows.append([label, NOTHING, NOTHING, NOTHING, f"failed: {result['failed']}"])
            continue
        each = result["bytes_each"]
        reached = "reached" if wanted and each <= wanted else "missed"
        target = [f"≤ {counted(wanted)}", reached] if wanted else [NOTHING, ""]
        rows.append([label, counted(result["connections"]), grouped(each), *target])
    return Table("Idle connections", ["Server", "connections", "bytes each", "target", ""], rows)


def _startup(startup: dict[str, Any]) -> Table:
    own, python = spread(startup.get("landline_ms", [])), spread(startup.get("python_ms", []))
    if not own or not python:
        return Table("", [], [])
    rows = [
        ["landline --version", f"{own.median:.1f}", times(own.median / python.median)],
        ["python3 -c pass", f"{python.median:.1f}", "1"],
    ]
    return Table("Start-up, median", ["Command", "milliseconds", "ratio"], rows)


def preface(results: Results) -> str:
    """Return when, where and how long was measured, as sentences."""
    libraries = [f"{name} {number}" for name, number in results["libraries"].items()]
    return (
        f"Measured {results['date']} on {', '.join([machine_words(results['machine']), *libraries])}. "
        f"{rounds_words(results)} a cell, seed {results['seed']}; "
        "server on one core, load generator on the other, over loopback."
    )


def rounds_words(results: Results) -> str:
    """Return how often and how long was measured: 5 rounds of 1.5 s."""
    many = "1 round" if results["rounds"] == 1 else f"{results['rounds']} rounds"
    return f"{many} of {results['seconds']:g} s"


def as_text(results: Results) -> str:
    """Return the whole report as plain text."""
    return _joined(results, [_text_table(table) for table in tables(results)])


def as_markdown(results: Results) -> str:
    """Return the whole report as Markdown, to be pasted into the README."""
    return _joined(results, [_markdown_table(table) for table in tables(results)])


def _joined(results: Results, drawn: list[str]) -> str:
    remarks = "\n".join([*results["left_out"], *failures(results["samples"])])
    startup = results["startup"].get("failed", "")
    return "\n\n".join(filter(None, [preface(results), *drawn, remarks, startup])) + "\n"


def _text_table(table: Table) -> str:
    columns = [list(column) for column in zip(table.heads, *table.rows, strict=True)]
    aligned = [_aligned(column, _is_figure(table, number)) for number, column in enumerate(columns)]
    lines = ["  ".join(words).rstrip() for words in zip(*aligned, strict=True)]
    return "\n".join([table.title, "", lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _aligned(column: list[str], figures: bool) -> list[str]:
    """Pad a column to one width: figures to the right, words to the left."""
    width = max(map(len, column))
    return [word.rjust(width) if figures else word.ljust(width) for word in column]


def _markdown_table(table: Table) -> str:
    rule = ["---:" if _is_figure(table, number) else "---" for number in range(len(table.heads))]
    rows = [[_unbroken(word) for word in row] for row in table.rows]
    lines = [f"| {' | '.join(line)} |" for line in [table.heads, rule, *rows]]
    return f"**{table.title}**\n\n" + "\n".join(lines)


def _unbroken(word: str) -> str:
    """Keep a figure on one line: its spaces become no-break spaces."""
    return word.replace(" ", "\N{NO-BREAK SPACE}") if word[:1].isdigit() else word


def _is_figure(table: Table, column: int) -> bool:
    """Tell whether a column holds figures: any but the first with a digit in front."""
    return column > 0 and any(row[column][:1].isdigit() for row in table.rows)
