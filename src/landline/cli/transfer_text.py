"""What people read of transfers: sizes, rates, times, listings, sentences. Pure.

All names and texts of others go through `shown`, which makes them harmless to a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from landline.cli.render import visible
from landline.errors import UsageError
from landline.transfer.events import Broke, Ended, FileFailed, Moved, NoRoom
from landline.transfer.faults import Fault
from landline.transfer.manifest import Entry, Kind

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([KMGTP]?)(?:i?B)?(?:/s)?", re.IGNORECASE)
LISTED = 20
"""So many lines a person reads before agreeing to something, or of what has failed."""
SOON_SECONDS = 0.05
"""Less is shown as nothing: it would read `0.0 s`."""
MOST_NAME, MOST_SENTENCE = 120, 600
"""Characters of a name, or of a sentence, that are shown; a longer one is cut in its middle."""

ADVICE = {
    Fault.EXISTS: "--if-exists rename, skip-same or (where the receiver allows it) replace says what to do",
    Fault.NAME: "the other side cannot take this name; rename it and send it again",
    Fault.KIND: "only files, folders and links can be sent",
    Fault.DENIED: "the other side may not write there; its owner has to allow it",
    Fault.UNREADABLE: "it cannot be read here; look at its permissions",
    Fault.SPACE: "no room on the other side; make some and run the same command again, or wait with --wait-space",
    Fault.QUOTA: "the quota of the drop is used up; ask its owner",
    Fault.TOO_LARGE: "it is larger than the other side takes; ask its owner for a higher --max-file",
    Fault.TOO_MANY: "the other side takes no more files; ask its owner for a higher --max-files",
    Fault.CHANGED: "it changed while it was sent; run the same command again when it is at rest",
    Fault.CORRUPT: "it came damaged every time; look at memory and disks, and run the same command again",
    Fault.REFUSED: "the other side does not want it",
    Fault.BUSY: "the other side is busy; run the same command again later",
    Fault.PROTOCOL: "the other side does not keep to the protocol; update both",
    Fault.VERSION: "the two sides have no version in common; update the older one",
    Fault.SUPERSEDED: "a newer connection has taken this transfer over",
    Fault.STOPPED: "the other side was stopped; run the same command again, it goes on where it was",
    Fault.SYSTEM: "a system refused something; the reason stands before this",
}
"""What to do about each fault."""

GO_ON = "run the same command again; it goes on where it was"


class Failure(Protocol):
    """A file that failed, of an event or of a receipt."""

    @property
    def name(self) -> str:
        """Its name, as the sender has it."""

    @property
    def fault(self) -> str:
        """Why, in one word."""

    @property
    def detail(self) -> str:
        """Why, in more words."""


def shown(text: str | bytes, most: int = MOST_NAME) -> str:
    """A name or text of somebody else on one line, harmless to a terminal; over `most` characters it is cut."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    safe = visible(data, keep="")
    half = most // 2
    return safe if len(safe) <= most else f"{safe[:half]}…{safe[1 - half :]}"


def shown_text(text: str) -> str:
    """A text of several lines, harmless to a terminal."""
    return visible(text.replace("\r\n", "\n").encode("utf-8", "surrogateescape"), keep="\t\n")


def size(count: float) -> str:
    """Bytes for people, in powers of 1024: `512 B`, `3.4 GiB`."""
    unit = 0
    while count >= 999.5 and unit < len(UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 or count >= 99.95 else f"{count:.1f} {UNITS[unit]}"


def share_of(done: int, total: int | None) -> str:
    """So much of so much: `3.2 of 40.0 MiB`, `900 KiB of 40.0 MiB`."""
    if total is None:
        return size(done)
    some, unit = size(done).split()
    whole = size(total)
    return f"{some if whole.endswith(f' {unit}') else size(done)} of {whole}"


def rate(bytes_per_second: float) -> str:
    """A rate for people: `290 MiB/s`."""
    return f"{size(bytes_per_second)}/s"


def duration(seconds: float) -> str:
    """A length of time for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for large, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {unit} {rest} {part}" if rest else f"{whole // large} {unit}"
    return f"{whole} s"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def parse_size(text: str) -> int:
    """The bytes that a text such as `500M`, `10G`, `1.5GiB` or `250M/s` stands for; K, M, G, T, P are powers of 1024.

    Raises UsageError.
    """
    found = _SIZE.fullmatch(text.strip())
    value = int(float(found[1]) * 1024 ** " KMGTP".index(found[2].upper() or " ")) if found else 0
    if not 1 <= value <= 2**60:
        raise UsageError(f"{text!r} is not a size from 1 to 1024P; write it like 500M, 10G or 1.5GiB (powers of 1024)")
    return value


def listing(entries: Sequence[Entry], most: int = LISTED) -> list[str]:
    """Entries as lines for somebody who has to agree; what hides or runs is flagged and stands first."""
    rows = sorted((not _flags(one), one.parts, one) for one in entries)
    lines = [_row(one) for _, _, one in rows[:most]]
    hidden = sum(1 for flagged, _, _ in rows[most:] if not flagged)
    if len(rows) > most:
        more = f"; {hidden} of them hidden or executable" if hidden else ""
        lines.append(f"… and {len(rows) - most} more{more}")
    return lines


def amount_of(entries: Sequence[Entry]) -> str:
    """How much these entries are."""
    files = [one for one in entries if one.kind is Kind.FILE]
    if any(one.size is None for one in files):
        return amount(len(files), None)
    return amount(len(files), sum(one.size or 0 for one in files))


def _row(entry: Entry) -> str:
    name = shown(b"/".join(entry.parts))
    flags = _flags(entry)
    told = f"  [{', '.join(flags)}]" if flags else ""
    match entry.kind:
        case Kind.FOLDER:
            return f"{'folder':>10}  {name}/{told}"
        case Kind.LINK:
            return f"{'link':>10}  {name} -> {shown(entry.target)}{told}"
        case _:
            return f"{'?' if entry.size is None else size(entry.size):>10}  {name}{told}"


def _flags(entry: Entry) -> list[str]:
    flags = ["hidden"] if any(part.startswith(b".") for part in entry.parts) else []
    return [*flags, "executable"] if entry.kind is Kind.FILE and entry.mode & 0o111 else flags


def amount(files: int | None, total: int | None) -> str:
    """What is offered: `3 files, 1.2 GiB`; what is not known is left out."""
    told = [] if files is None else [count(files, "file")]
    return ", ".join([*told, *([] if total is None else [size(total)])]) or "a stream of unknown length"


def progress_line(event: Moved, label: str = "") -> str:
    """Where a transfer is, as one line."""
    done = share_of(event.durable, event.size)
    percent = f" ({100 * event.durable // event.size} %)" if event.size else ""
    parts = [f"{event.phase}: {done} on disk{percent}"]
    if event.rate > 0:
        parts.append(rate(event.rate))
    if event.eta_seconds is not None and event.eta_seconds >= SOON_SECONDS:
        parts.append(f"{duration(event.eta_seconds)} left")
    if event.files is not None and event.files > 1:
        parts.append(f"{event.landed} of {event.files} files")
    if event.failed:
        parts.append(f"{event.failed} failed")
    return f"{label}{', '.join(parts)}"


LEVELS = {"durable": "on disk", "written": "written", "shown": "shown"}


def summary(event: Ended, where: str) -> str:
    """How a transfer ended, in one line: `12 files, 3.4 GiB, on disk at tls://… in 12 s (290 MiB/s)`."""
    level = LEVELS.get(event.level, event.level)
    if event.level == "shown":
        return f"the text was shown at {shown(where)}"
    failed = f"; {count(event.failed, 'file')} failed" if event.failed else ""
    if event.failed and not event.landed:
        return f"nothing landed at {shown(where)}{failed}"
    moved = f"{count(event.landed, 'file')}, {size(event.size)}"
    if event.skipped and event.skipped == event.landed:
        return f"{moved}, there already at {shown(where)}{failed}"
    speed = f" ({rate(event.size / event.seconds)})" if event.seconds >= SOON_SECONDS and event.size else ""
    skipped = f", {event.skipped} of them there already" if event.skipped else ""
    time = f" in {duration(event.seconds)}" if event.seconds >= SOON_SECONDS else ""
    return f"{moved}{skipped}, {level} at {shown(where)}{time}{speed}{failed}"


def failure(one: Failure) -> str:
    """A file that failed, why, and what to do, in one line."""
    return f"{shown(one.name)}: {reason(one.fault, one.detail)}"


def reason(fault: str, detail: str = "") -> str:
    """A fault with its detail, and what to do."""
    advice = ADVICE.get(Fault(fault), "") if fault in set(Fault) else ""
    said = shown(detail, MOST_SENTENCE)
    # Most details say themselves what to do; that of a name that is taken does not know our options.
    if fault == Fault.EXISTS and (not said or "if-exists" in said):
        return f"{said.partition(';')[0] or 'it is there already'}; {advice}"
    if not said:
        return advice or shown(fault)
    # What can be sent, the sender has just said.
    return said if ";" in said or not advice or fault == Fault.KIND else f"{said} ({advice})"


def failures(failed: Sequence[Failure], most: int = LISTED) -> list[str]:
    """A line for each file that failed, and at most `most` of them."""
    lines = [failure(one) for one in failed[:most]]
    return lines if len(failed) <= most else [*lines, f"… and {len(failed) - most} more (--json lists all)"]


def broken(event: Broke) -> str:
    """That a connection is lost, and what comes next; who was called can only wait."""
    problem = shown(event.problem, MOST_SENTENCE)
    if event.seconds > 0:
        return f"{problem}; trying again in {duration(event.seconds)}"
    return f"{problem}; it goes on when the other side calls again"


def no_room(event: NoRoom) -> str:
    """That a disk is full, and what is waited for."""
    if event.seconds_left <= 0:
        return "there is room again; going on"
    needs = f"the receiver's disk is full: {size(event.needed)} needed, {size(event.free)} free"
    return f"{needs}; it waits {duration(event.seconds_left)} more for room"


SHARES = {
    "waited": "receiver waits",
    "hashed": "receiver hashes",
    "wrote": "receiver writes",
    "synced": "receiver syncs",
}


def explanation(event: Moved) -> str:
    """What holds a transfer up, with the shares of time it was found by."""
    shares = [f"{SHARES.get(name, name)} {100 * share:.0f} %" for name, share in event.shares.items() if share >= 0.005]
    told = f" ({', '.join(shares)})" if shares else ""
    return f"held up by: {event.bottleneck or 'nothing that could be measured'}{told}"


def failed_file(event: FileFailed) -> str:
    """The line for an event of a file that failed."""
    return f"failed: {failure(event)}"
