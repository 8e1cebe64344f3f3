"""What people read of transfers."""

from __future__ import annotations

import pytest

from landline.cli import transfer_text as words
from landline.errors import UsageError
from landline.transfer.events import Ended, FileFailed, Moved, NoRoom
from landline.transfer.faults import Fault
from landline.transfer.manifest import Entry, Kind

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1024, "1.0 KiB"),
        (300 * KIB, "300 KiB"),
        (1023 * KIB, "1.0 MiB"),
        (3.4 * GIB, "3.4 GiB"),
        (99.9 * MIB, "99.9 MiB"),
        (99.96 * MIB, "100 MiB"),
        (2**60, "1.0 EiB"),
        (2**72, "4096 EiB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert words.size(count) == text


def test_shares() -> None:
    assert words.share_of(3 * MIB, 40 * MIB) == "3.0 of 40.0 MiB"
    assert words.share_of(900 * KIB, 40 * MIB) == "900 KiB of 40.0 MiB"
    assert words.share_of(5, None) == "5 B"


def test_rates_and_counts() -> None:
    assert words.rate(290 * MIB) == "290 MiB/s"
    assert (words.count(1, "file"), words.count(0, "file")) == ("1 file", "0 files")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("500M", 500 * MIB),
        ("10G", 10 * GIB),
        ("1.5GiB", 3 * GIB // 2),
        ("64k", 64 * KIB),
        ("2 TB", 2 * 1024**4),
        (" 250M/s ", 250 * MIB),
        ("1024P", 2**60),
        ("100B", 100),
    ],
)
def test_sizes_that_are_typed(text: str, count: int) -> None:
    assert words.parse_size(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1", "10X", "M", "1e3", "2000P", "1.5.5G", "10 G G", "9" * 400])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        words.parse_size(text)
    sentence = "is not a size from 1 to 1024P; write it like 500M, 10G or 1.5GiB (powers of 1024)"
    assert str(caught.value) == f"{text!r} {sentence}"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (b"photo.jpg", "photo.jpg"),
        ("gr\u00fc\u00dfe.txt", "gr\u00fc\u00dfe.txt"),
        (b"\x1b[2Jclear", "\\x1b[2Jclear"),
        (b"tab\there\nline", "tab\\there\\nline"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\udcff", "\\xff"),
        (b"a" * 200, "a" * 60 + "\u2026" + "a" * 59),
    ],
)
def test_names_are_harmless(name: str | bytes, seen: str) -> None:
    assert words.shown(name) == seen


def test_texts_keep_their_lines() -> None:
    assert words.shown_text("one\r\ntwo\n\x1b]0;x\x07") == "one\ntwo\n\\x1b]0;x\\x07"


def file(*parts: bytes, size: int | None = 1, mode: int = 0o644) -> Entry:
    return Entry(Kind.FILE, parts, size, mode)


def test_a_listing_shows_first_what_hides_or_runs() -> None:
    lines = words.listing([
        Entry(Kind.FOLDER, (b"photos",), None, 0o755),
        file(b"photos", b"cat.jpg", size=3 * MIB),
        file(b"photos", b"run.sh", mode=0o755),
        file(b".bashrc", size=20, mode=0o755),
        Entry(Kind.LINK, (b"link",), target=b"../\x1b[0m"),
        file(b"stdin", size=None),
        Entry(Kind.FOLDER, (b".git",)),
    ])  # fmt: skip
    assert lines == [
        "      20 B  .bashrc  [hidden, executable]",
        "    folder  .git/  [hidden]",
        "       1 B  photos/run.sh  [executable]",
        "      link  link -> ../\\x1b[0m",
        "    folder  photos/",
        "   3.0 MiB  photos/cat.jpg",
        "         ?  stdin",
    ]


def test_a_listing_is_short_and_says_what_it_leaves_out() -> None:
    many = [file(f"{number:03}".encode()) for number in range(30)]
    assert words.listing(many)[-2:] == ["       1 B  019", "… and 10 more"]
    hidden = [file(f".{number:03}".encode()) for number in range(25)]
    assert words.listing([*hidden, *many])[-1] == "… and 35 more; 5 of them hidden or executable"


def test_amounts() -> None:
    assert words.amount(3, 2 * MIB) == "3 files, 2.0 MiB"
    assert words.amount(1, None) == "1 file"
    assert words.amount_of([file(b"a", size=5), file(b"b", size=6), Entry(Kind.FOLDER, (b"c",))]) == "2 files, 11 B"
    assert words.amount_of([file(b"a", size=None)]) == "1 file"
    assert words.amount(None, None) == "a stream of unknown length"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Moved(phase="sending"), "sending: 0 B on disk"),
        (
            Moved(phase="sending", durable=MIB, size=4 * MIB, rate=MIB, eta_seconds=3, files=4, landed=1, failed=2),
            "sending: 1.0 of 4.0 MiB on disk (25 %), 1.0 MiB/s, 3.0 s left, 1 of 4 files, 2 failed",
        ),
        (Moved(phase="done", durable=0, size=0, eta_seconds=0, files=1), "done: 0 of 0 B on disk"),
    ],
)
def test_progress_lines(event: Moved, line: str) -> None:
    assert words.progress_line(event) == line
    assert words.progress_line(event, "ann: ") == f"ann: {line}"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Ended(landed=12, size=int(3.4 * GIB), seconds=12.0),
            "12 files, 3.4 GiB, on disk at tls://host:1 in 12 s (290 MiB/s)",
        ),
        (
            Ended(landed=2, failed=1, skipped=1, size=0, seconds=0.0),
            "2 files, 0 B, 1 of them there already, on disk at tls://host:1; 1 file failed",
        ),
        (Ended(landed=1, size=5, level="written", seconds=0.01), "1 file, 5 B, written at tls://host:1"),
        (Ended(failed=2), "nothing landed at tls://host:1; 2 files failed"),
        (
            Ended(landed=1, skipped=1, failed=1, size=5, seconds=1.0),
            "1 file, 5 B, there already at tls://host:1; 1 file failed",
        ),
        (Ended(level="shown"), "the text was shown at tls://host:1"),
    ],
)
def test_summaries(event: Ended, line: str) -> None:
    assert words.summary(event, "tls://host:1") == line


@pytest.mark.parametrize(
    ("fault", "detail", "line"),
    [
        (
            "exists",
            "",
            "it is there already; --if-exists rename, skip-same or (where the receiver allows it) replace says what "
            "to do",
        ),
        ("system", "too many links", "too many links (a system refused something; the reason stands before this)"),
        (
            "exists",
            "another file is there; choose what to do with if-exists",
            "another file is there; --if-exists rename, skip-same or (where the receiver allows it) replace says what "
            "to do",
        ),
        ("exists", "a folder is there; move it away", "a folder is there; move it away"),
        ("kind", "it is a FIFO, and only files are sent", "it is a FIFO, and only files are sent"),
        ("denied", "the folder is read-only; open it", "the folder is read-only; open it"),
        ("new", "\x1b", "\\x1b"),
        ("new", "", "new"),
    ],
)
def test_reasons(fault: str, detail: str, line: str) -> None:
    assert words.reason(fault, detail) == line


def test_there_is_advice_for_every_fault() -> None:
    assert set(words.ADVICE) == set(Fault)


def test_failures_are_a_line_each_and_not_too_many() -> None:
    failed = [FileFailed(file=number, name=f"{number}\n", fault="kind") for number in range(22)]
    lines = words.failures(failed)
    assert lines[0] == "0\\n: only files, folders and links can be sent"
    assert (len(lines), lines[-1]) == (21, "… and 2 more (--json lists all)")
    assert words.failures(failed[:20])[-1] == words.failure(failed[19])
    assert words.failed_file(failed[0]) == f"failed: {lines[0]}"


def test_a_full_disk() -> None:
    assert words.no_room(NoRoom(needed=MIB, free=KIB, seconds_left=60)) == (
        "the receiver's disk is full: 1.0 MiB needed, 1.0 KiB free; it waits 1 min more for room"
    )
    assert words.no_room(NoRoom(needed=0, free=0, seconds_left=0)) == "there is room again; going on"


def test_explanations() -> None:
    event = Moved(phase="sending", bottleneck="disk write", shares={"send": 0.9, "wrote": 0.6, "read": 0.001})
    assert words.explanation(event) == "held up by: disk write (send 90 %, receiver writes 60 %)"
    assert words.explanation(Moved(phase="sending")) == "held up by: nothing that could be measured"
