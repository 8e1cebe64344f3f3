"""The figures of the chat as tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.chat.cases import FAN_OUT, HISTORY, IDLE, JSON, LABELS, MIB, NGIRCD, SATURATION, STORM, TEXT, Sizes
from bench.report import NOTHING, Table, counted, grouped, joined, markdown_table, measured_when, text_table, times
from bench.summary import Spread, figure_spread, ratio

Results = dict[str, Any]
Shown = Callable[[float], str]


@dataclass(frozen=True)
class Aim:
    """A figure of Landline and the most (or least) that it is to be. `scale` makes its unit of the sample's."""

    what: str
    case: str
    server: str
    figure: str
    unit: str
    most: float | None = None
    least: float | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Beside:
    """A figure of Landline over that of ngircd."""

    what: str
    case: str
    figure: str
    most: float | None = None


AIMS = (
    Aim("deliveries a second, plain text", FAN_OUT, TEXT, "deliveries_per_second", "", least=99_000),
    Aim("within which 99 of 100 come, plain text", FAN_OUT, TEXT, "p99_ms", " ms", most=50),
    Aim("memory of all idle members", IDLE, TEXT, "resident_bytes", " MiB", most=300, scale=1 / MIB),
    Aim("a page of 50, 99 of 100", HISTORY, JSON, "page_p99_ms", " ms", most=5),
    Aim("until all have what they missed", STORM, JSON, "seconds", " s", most=2),
)
BESIDE = (
    Beside("time within which 99 of 100 deliveries come, same load", FAN_OUT, "p99_ms", most=1.0),
    Beside("time within which half of them come, same load", FAN_OUT, "p50_ms"),
    Beside("deliveries for a second of CPU time, same load", FAN_OUT, "deliveries_per_core"),
    Beside("most deliveries a second, none later than a second", SATURATION, "deliveries_per_second"),
    Beside("most deliveries a second, 99 of 100 within 50 ms", SATURATION, "good_deliveries_per_second"),
    Beside("memory of an idle member", IDLE, "bytes_each"),
)
NOTE = (
    "Server on one core, all members on the other, over loopback. A delivery is late from the moment at which its "
    "message was due. ngircd keeps no message: Landline writes each to the disk before it is delivered. Limits of "
    "rates are off in both."
)


def tables(results: Results) -> list[Table]:
    """Return every table that has at least one row."""
    sizes = Sizes(**results["sizes"])
    samples = results["samples"]
    found = [
        _aims(samples),
        _beside(samples),
        _fan_out(samples, sizes),
        _saturation(samples, sizes),
        _idle(samples, sizes),
        _history(samples, sizes),
        _storm(samples, sizes),
    ]
    return [table for table in found if table.rows]


def _aims(samples: list[Any]) -> Table:
    rows = []
    for aim in AIMS:
        if measured := figure_spread(samples, aim.case, aim.server, aim.figure):
            value = measured.median * aim.scale
            is_reached = value <= aim.most if aim.most is not None else value >= (aim.least or 0)
            target = f"≤ {aim.most:g}" if aim.most is not None else f"≥ {grouped(aim.least or 0)}"
            reached = "reached" if is_reached else "missed"
            rows.append([aim.what, ranged(measured, shown, aim.scale) + aim.unit, target + aim.unit, reached])
    return Table("What Landline is to reach", ["What", "measured (lowest – highest)", "target", ""], rows)


def _beside(samples: list[Any]) -> Table:
    rows = []
    for one in BESIDE:
        if measured := ratio(_positive(samples, one.figure), one.case, TEXT, NGIRCD, one.figure):
            verdict = [NOTHING, ""]
            if one.most is not None:
                verdict = [f"≤ {one.most:g}", "reached" if measured.median <= one.most else "missed"]
            rows.append([one.what, ranged(measured, times), *verdict])
    heads = ["Plain text", "ratio (lowest – highest)", "target", ""]
    return Table("Landline as a multiple of ngircd, in the same round", heads, rows)


def _positive(samples: list[Any], figure: str) -> list[Any]:
    """Only samples of which a ratio can be taken."""
    return [sample for sample in samples if sample.get(figure, 0) > 0]


def _fan_out(samples: list[Any], sizes: Sizes) -> Table:
    columns: list[tuple[str, str, float, Shown]] = [
        ("deliveries/s", "deliveries_per_second", 1, grouped),
        ("p50, ms", "p50_ms", 1, shown),
        ("p99, ms", "p99_ms", 1, shown),
        ("p99.9, ms", "p999_ms", 1, shown),
        ("core busy, %", "server_busy", 100, shown),
        ("deliveries/s a core", "deliveries_per_core", 1, grouped),
        ("KiB each", "bytes_each", 1 / 1024, shown),
        ("MiB in all", "resident_bytes", 1 / MIB, shown),
    ]
    title = f"A room of {counted(sizes.members)}, {sizes.rate:g} messages a second, {sizes.seconds:g} s"
    return _table(title, samples, FAN_OUT, columns)


def _saturation(samples: list[Any], sizes: Sizes) -> Table:
    columns: list[tuple[str, str, float, Shown]] = [
        ("messages/s", "rate", 1, grouped),
        ("deliveries/s", "deliveries_per_second", 1, grouped),
        ("p99 then, ms", "p99_ms", 1, shown),
        ("deliveries/s, p99 ≤ 50 ms", "good_deliveries_per_second", 1, grouped),
        ("generator busy, %", "generator_busy", 100, shown),
    ]
    title = f"A room of {counted(sizes.members)}: the highest rate at which all come within a second"
    return _table(title, samples, SATURATION, columns)


def _idle(samples: list[Any], sizes: Sizes) -> Table:
    columns: list[tuple[str, str, float, Shown]] = [
        ("MiB in all (Rss)", "resident_bytes", 1 / MIB, shown),
        ("MiB in all (Pss)", "proportional_bytes", 1 / MIB, shown),
        ("KiB each", "bytes_each", 1 / 1024, shown),
    ]
    title = f"{counted(sizes.idle_members)} idle members in {sizes.idle_rooms} rooms"
    return _table(title, samples, IDLE, columns)


def _history(samples: list[Any], sizes: Sizes) -> Table:
    rows = []
    kinds = {
        "page": "a page of 50 at a random place",
        "newest": "the newest page",
        "rare": "search: a word of few messages",
        "common": "search: a word of every second message",
        "pair": "search: two words",
    }
    for kind, title in kinds.items():
        spreads = [figure_spread(samples, HISTORY, JSON, f"{kind}_{figure}") for figure in ("p50_ms", "p99_ms")]
        each = figure_spread(samples, HISTORY, JSON, f"{kind}_messages_each")
        if each and all(spreads):
            rows.append([title, *(ranged(one, shown) for one in spreads if one), shown(each.median)])
    title = f"{counted(sizes.history)} stored messages, asked in JSON lines, one request at a time"
    return Table(title, ["What", "p50, ms", "p99, ms", "messages each"], rows)


def _storm(samples: list[Any], sizes: Sizes) -> Table:
    columns: list[tuple[str, str, float, Shown]] = [
        ("have all", "recovered", 1, grouped),
        ("each exactly once", "exact", 1, grouped),
        ("half within, ms", "p50_ms", 1, shown),
        ("all within, s", "seconds", 1, shown),
    ]
    title = (
        f"{counted(sizes.storm_members)} clients back at once after a restart, each for {sizes.storm_missed} messages"
    )
    return _table(title, samples, STORM, columns)


def _table(title: str, samples: list[Any], case: str, columns: list[tuple[str, str, float, Shown]]) -> Table:
    """A row for each server, a column for each figure."""
    rows = []
    for server, label in LABELS.items():
        spreads = [figure_spread(samples, case, server, figure) for _, figure, _, _ in columns]
        if any(spreads):
            cells = [ranged(s, show, k) if s else NOTHING for s, (_, _, k, show) in zip(spreads, columns, strict=True)]
            rows.append([label, *cells])
    return Table(f"{title}, median (lowest – highest)", ["Server", *(head for head, *_ in columns)], rows)


def shown(value: float) -> str:
    """Return a figure to three digits that count."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else grouped(value)


def ranged(measured: Spread, show: Shown, scale: float = 1.0) -> str:
    """Return the median, and the lowest and highest where they differ."""
    median, low, high = (show(value * scale) for value in (measured.median, measured.low, measured.high))
    return median if low == high else f"{median} ({low} – {high})"


def preface(results: Results) -> str:
    """Return when, where and how was measured, as sentences."""
    return f"{measured_when(results)} {NOTE}"


def as_text(results: Results) -> str:
    """Return the whole report as plain text."""
    return joined(preface(results), [text_table(table) for table in tables(results)], results)


def as_markdown(results: Results) -> str:
    """Return the whole report as Markdown."""
    return joined(preface(results), [markdown_table(table) for table in tables(results)], results)
