"""The figures as tables: plain text for the terminal, Markdown for the README."""

from dataclasses import dataclass
from typing import Any

from bench.cells import (
    CELLS,
    COMPARISONS,
    IDLE_MAX_BYTES,
    LANDLINE,
    SERVERS,
    cell_named,
    server_named,
)
from bench.machine import machine_words
from bench.resp import EXAMPLE, SERVER
from bench.summary import Spread, failures, figure_spread, ratio, servers_in, spread

NOTHING = "–"
PLAIN = tuple(cell.name for cell in CELLS if cell.kind in ("length", "lines"))
OTHERS = tuple(cell.name for cell in CELLS if cell.name not in PLAIN)
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
        _rates(samples, PLAIN, "Messages a second, median of the rounds"),
        _rates(samples, OTHERS, "Messages a second of typed messages and in TLS, median of the rounds"),
        _latencies(samples),
        _resp(results["redis"]),
        _idle(results["idle"]),
        _startup(results["startup"]),
    ]
    return [table for table in found if table.rows]


def _ratios(samples: list[Any]) -> Table:
    rows = []
    for one in COMPARISONS:
        measured = ratio(samples, one.cell, one.server, one.peer)
        if measured:
            cell = cell_named(one.cell)
            words = [f"{cell.title}, {cell.figures}", server_named(one.server).label, server_named(one.peer).label]
            rows.append([*words, _with_range(measured), *_verdict(measured.median, one.at_least)])
    heads = ["Messages a second", "what", "to", "ratio (lowest – highest)", "target", ""]
    return Table("Landline as a multiple of a peer, in the same round", heads, rows)


def _verdict(measured: float, wanted: float | None) -> list[str]:
    if wanted is None:
        return [NOTHING, ""]
    return [f"≥ {wanted:g}", "reached" if measured >= wanted else "missed"]


def _with_range(measured: Spread) -> str:
    return f"{times(measured.median)} ({times(measured.low)} – {times(measured.high)})"


def _rates(samples: list[Any], named: tuple[str, ...], title: str) -> Table:
    """The rates of some cells; servers that none of them has are left out."""
    cells = [cell for cell in CELLS if cell.name in named and servers_in(samples, cell.name)]
    rows = []
    for server in SERVERS:
        spreads = [figure_spread(samples, cell.name, server.name) for cell in cells]
        if any(spreads):
            rows.append([server.label, *(grouped(s.median) if s else NOTHING for s in spreads)])
    heads = ["Server", *(cell.figures for cell in cells)]
    return Table(title, heads, rows)


def _latencies(samples: list[Any]) -> Table:
    rows = []
    for cell in (cell for cell in CELLS if cell.in_flight == 1):
        place = f" {cell.kind.upper()}" if cell.kind == "tls" else ""
        for server in SERVERS:
            middle = figure_spread(samples, cell.name, server.name, "latency_p50_us")
            late = figure_spread(samples, cell.name, server.name, "latency_p99_us")
            if middle and late:
                rows.append([f"{server.label}{place}", f"{middle.median:.0f}", f"{late.median:.0f}"])
    heads = ["Server", "half within, µs", "99 of 100 within, µs"]
    return Table("Time to an answer, one at a time, 64 connections at once", heads, rows)


def _resp(samples: list[Any]) -> Table:
    rows = []
    for cell in dict.fromkeys(sample["cell"] for sample in samples):
        example = figure_spread(samples, cell, EXAMPLE)
        redis = figure_spread(samples, cell, SERVER)
        measured = ratio(samples, cell, EXAMPLE, SERVER)
        if example and redis and measured:
            rows.append([cell, grouped(example.median), grouped(redis.median), _with_range(measured)])
    heads = ["redis-benchmark", f"examples/{EXAMPLE}", SERVER, "ratio (lowest – highest)"]
    return Table("Requests a second of a RESP server in Python and of Redis, 50 connections", heads, rows)


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
    return _joined(results, [text_table(table) for table in tables(results)])


def as_markdown(results: Results) -> str:
    """Return the whole report as Markdown, to be pasted into the README."""
    return _joined(results, [markdown_table(table) for table in tables(results)])


def _joined(results: Results, drawn: list[str]) -> str:
    remarks = "\n".join([*results["left_out"], *failures([*results["samples"], *results["redis"]])])
    startup = results["startup"].get("failed", "")
    return "\n\n".join(filter(None, [preface(results), *drawn, remarks, startup])) + "\n"


def text_table(table: Table) -> str:
    """Return a table with its title as plain text."""
    columns = [list(column) for column in zip(table.heads, *table.rows, strict=True)]
    aligned = [_aligned(column, _is_figure(table, number)) for number, column in enumerate(columns)]
    lines = ["  ".join(words).rstrip() for words in zip(*aligned, strict=True)]
    return "\n".join([table.title, "", lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _aligned(column: list[str], figures: bool) -> list[str]:
    """Pad a column to one width: figures to the right, words to the left."""
    width = max(map(len, column))
    return [word.rjust(width) if figures else word.ljust(width) for word in column]


def markdown_table(table: Table) -> str:
    """Return a table with its title as Markdown."""
    rule = ["---:" if _is_figure(table, number) else "---" for number in range(len(table.heads))]
    rows = [[_unbroken(word) for word in row] for row in table.rows]
    lines = [f"| {' | '.join(line)} |" for line in [table.heads, rule, *rows]]
    return f"**{table.title}**\n\n" + "\n".join(lines)


def measured_when(results: dict[str, Any]) -> str:
    """Return when, where and how was measured, as the beginning of a preface."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    rounds = "1 round" if results["rounds"] == 1 else f"{results['rounds']} rounds"
    return (
        f"Measured {results['date']} on {machine_words(results['machine'])}, {versions}. {rounds}, seed "
        f"{results['seed']}; load average before: {results['machine']['load_average_before']}."
    )


def joined(preface: str, drawn: list[str], results: dict[str, Any]) -> str:
    """Return a report of a preface, its tables, and remarks on what is not in them."""
    remarks = "\n".join([*results["left_out"], *failures(results["samples"])])
    return "\n\n".join(filter(None, [preface, *drawn, remarks])) + "\n"


def _unbroken(word: str) -> str:
    """Keep a figure on one line: its spaces become no-break spaces."""
    return word.replace(" ", "\N{NO-BREAK SPACE}") if word[:1].isdigit() else word


def _is_figure(table: Table, column: int) -> bool:
    """Tell whether a column holds figures: any but the first with a digit in front."""
    return column > 0 and any(row[column][:1].isdigit() for row in table.rows)
