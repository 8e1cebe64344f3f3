"""The figures of transfers as tables."""

from dataclasses import dataclass
from typing import Any

from bench.report import NOTHING, Table, counted, joined, markdown_table, measured_when, text_table, times
from bench.summary import Spread, figure_spread, ratio
from bench.transfers.cases import BIG, CASES, MIXED, SMALL, Case
from bench.transfers.digests import as_table as digest_table
from bench.transfers.measure import PLACES

RATE = "bytes_per_second"
NOISE = (
    "On disk the write-back of the kernel dominates, and differs from run to run by more than the tools do. "
    "Between runs everything is written out, outside the time."
)
TIMING = (
    "A time runs from the start of the sending command until it has ended, its own start included; the receiver waits "
    "already. What is sent is in memory (tmpfs). After each run names, sizes and sampled bytes are compared. "
    "Memory is the peak of each process of a side, summed up; what processes share is counted in each. "
    "The last column says what a tool has synced when it says that it is done."
)
Results = dict[str, Any]


@dataclass(frozen=True)
class Aim:
    """A ratio of speeds that is shown, and the least it is to be."""

    case: Case
    place: str
    peer: str
    at_least: float | None
    what: str = "landline"


AIMS = (
    Aim(BIG, "tmpfs", "bare-tls", 0.75),
    Aim(BIG, "tmpfs", "scp", 1.0),
    Aim(BIG, "tmpfs", "wormhole", 5.0),
    Aim(BIG, "tmpfs", "limit", 0.5, "landline-trusted"),
    Aim(BIG, "tmpfs", "nc-tar", None, "landline-trusted"),
    Aim(BIG, "disk", "bare-tls", None),
    Aim(BIG, "disk", "scp", None),
    Aim(BIG, "disk", "limit", None, "landline-trusted"),
    Aim(SMALL, "tmpfs", "rsync-fsync", None),
    Aim(SMALL, "disk", "rsync-fsync", 1.0),
    Aim(SMALL, "disk", "rsync", None),
    Aim(SMALL, "disk", "wormhole", None),
    Aim(MIXED, "tmpfs", "rsync", None),
    Aim(MIXED, "disk", "rsync-fsync", None),
)


def tables(results: Results) -> list[Table]:
    """Return every table that has at least one row."""
    found = [_ratios(results), *(_case(results, case) for case in CASES)]
    if results["digests"]:
        found.append(digest_table(results["digests"]))
    return [table for table in found if table.rows]


def _ratios(results: Results) -> Table:
    rows = []
    for aim in AIMS:
        measured = ratio(results["samples"], f"{aim.case.name} {aim.place}", aim.what, aim.peer, RATE)
        if measured:
            words = [f"{aim.case.title}, {aim.place}", results["labels"][aim.what], results["labels"][aim.peer]]
            reached = "" if aim.at_least is None else "reached" if measured.median >= aim.at_least else "missed"
            target = NOTHING if aim.at_least is None else f"≥ {aim.at_least:g}"
            rows.append([*words, _ranged(measured, times), target, reached])
    heads = ["Speed", "what", "to", "ratio (lowest – highest)", "target", ""]
    return Table("Landline as a multiple of a peer, in the same round", heads, rows)


def _case(results: Results, case: Case) -> Table:
    """One case: a row for each peer that did it."""
    samples = results["samples"]
    rows = []
    for name, label in results["labels"].items():
        times_there = [figure_spread(samples, f"{case.name} {place}", name, "seconds") for place in PLACES]
        if any(times_there):
            cells = [_place_cells(samples, case, place, name) for place in PLACES]
            memory = [_peak(samples, case, name, side) for side in ("sender_bytes", "receiver_bytes")]
            rows.append([label, *cells[0], *cells[1], *memory, results["synced"][name]])
    places = [f"{place}, {unit}" for place in PLACES for unit in ("s", "MB/s")]
    heads = ["Way", *places, "sender, MiB", "receiver, MiB", "synced"]
    part = " / 32" if results["quick"] else ""
    return Table(f"{case.title[0].upper()}{case.title[1:]}{part}, medians (lowest – highest)", heads, rows)


def _place_cells(samples: list[Any], case: Case, place: str, name: str) -> list[str]:
    """The seconds and the MB/s of a peer in a place."""
    seconds = figure_spread(samples, f"{case.name} {place}", name, "seconds")
    speed = figure_spread(samples, f"{case.name} {place}", name, RATE)
    if not seconds or not speed:
        return [NOTHING, NOTHING]
    return [_ranged(seconds, times), _ranged(speed, lambda value: counted(round(value / 1e6)))]


def _peak(samples: list[Any], case: Case, name: str, side: str) -> str:
    """The highest peak of one side of a peer over all its runs of a case, in MiB."""
    spreads = [figure_spread(samples, f"{case.name} {place}", name, side) for place in PLACES]
    return counted(round(max(one.high for one in spreads if one) / 2**20))


def _ranged(measured: Spread, shown: Any) -> str:
    return f"{shown(measured.median)} ({shown(measured.low)} – {shown(measured.high)})"


def preface(results: Results) -> str:
    """Return when, where and how was measured, as sentences."""
    return f"{measured_when(results)} {TIMING} {NOISE}"


def as_text(results: Results) -> str:
    """Return the whole report as plain text."""
    return joined(preface(results), [text_table(table) for table in tables(results)], results)


def as_markdown(results: Results) -> str:
    """Return the whole report as Markdown."""
    return joined(preface(results), [markdown_table(table) for table in tables(results)], results)
