"""What is seen of transfers: JSON, plain lines, bars."""

from __future__ import annotations

import io
import json
import sys

import pytest
from rich.console import Console

from landline.cli.transfer_view import BarView, JsonView, PlainView, view_for
from landline.transfer.events import (
    Began,
    Broke,
    Ended,
    Event,
    FileFailed,
    FileLanded,
    FileMoved,
    Moved,
    NoRoom,
    Noted,
    Offered,
    Resent,
)

ID = "ab" * 16
WHOLE = [
    Offered(transfer=ID, peer="tls://host:1", label="ann", files=2, size=4096),
    Began(transfer=ID, peer="tls://host:1", files=2, size=4096, resumed=1024),
    Moved(transfer=ID, phase="sending", durable=1024, size=4096, files=2, shares={"read": 0.9}, bottleneck="disk read"),
    FileMoved(transfer=ID, file=0, name="a[b]\x1b", done=100, size=2048),
    Broke(transfer=ID, problem="the peer hung up", seconds=0.5),
    Resent(transfer=ID, name="a", why="it came damaged", size=1),
    NoRoom(transfer=ID, needed=4096, free=0, seconds_left=5),
    Noted(transfer=ID, sentence="somebody tried a wrong code"),
    FileLanded(transfer=ID, file=0, name="a", path="a", size=2048),
    FileFailed(transfer=ID, file=1, name="b", fault="exists"),
    Ended(transfer=ID, landed=1, failed=1, size=2048, seconds=2.0),
]
SAID = [
    "going on: 1.0 KiB are there already",
    "the peer hung up; trying again in 0.5 s",
    "sent again: a (it came damaged)",
    "the receiver's disk is full: 4.0 KiB needed, 0 B free; it waits 5.0 s more for room",
    "somebody tried a wrong code",
    "failed: b: it is there already; --if-exists rename, skip-same or (where the receiver allows it) replace says what "
    "to do",
]


def test_json_is_a_line_an_event_and_nothing_else() -> None:
    output = io.StringIO()
    view = JsonView(output)
    for event in WHOLE:
        view(event)
    view.say("a sentence")
    view.close()
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [row["event"] for row in rows] == [type(event).__name__.lower() for event in WHOLE] + ["noted"]
    assert rows[1]["resumed"] == 1024


def plain(events: list[Event], explain: bool = False, drop: str = "") -> list[str]:
    """What a plain view says, one second after the other."""
    output = io.StringIO()
    now = iter(range(1000))
    view = PlainView(explain, drop, output, lambda: float(next(now)))
    for event in events:
        view(event)
    view.close()
    return output.getvalue().splitlines()


def test_plain_lines() -> None:
    moved = "sending: 1.0 of 4.0 KiB on disk (25 %), 0 of 2 files"
    assert plain(WHOLE) == [SAID[0], moved, *SAID[1:]]


def test_plain_lines_that_explain() -> None:
    lines = plain(WHOLE, explain=True)
    assert lines[1].endswith("0 of 2 files, held up by disk read")
    assert lines[-1] == "held up by: disk read (read 90 %)"


def test_lines_of_a_drop_say_whose_they_are() -> None:
    lines = plain(WHOLE, drop="/drop")
    assert lines[0] == "tls://host:1 offers ann (2 files, 4.0 KiB)"
    assert all(line.startswith("tls://host:1: ") for line in lines[1:])
    assert lines[-1] == "tls://host:1: 1 file, 2.0 KiB, on disk at /drop in 2.0 s (1.0 KiB/s); 1 file failed"
    unnamed = Offered(transfer=ID, peer="tls://host:1", files=2, size=4096)
    assert plain([unnamed], drop="/drop") == ["tls://host:1 offers files (2 files, 4.0 KiB)"]
    unknown = Offered(transfer=ID, peer="tls://host:1", label="photos")
    assert plain([unknown], drop="/drop") == ["tls://host:1 offers photos"]


def test_there_is_a_line_a_second_at_most_and_none_twice() -> None:
    output = io.StringIO()
    now = [0.0]
    view = PlainView(output=output, clock=lambda: now[0])
    view(Began(transfer=ID, peer="x", files=1, size=1000))
    for step in range(40):
        now[0] = step / 10
        view(Moved(transfer=ID, phase="sending", durable=min(step, 25) * 10, size=1000))
    lines = output.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["100", "200", "250"]


def test_many_failures_are_not_a_flood() -> None:
    lines = plain([FileFailed(transfer=ID, file=number, name="x", fault="kind") for number in range(100)])
    assert (len(lines), lines[-1]) == (21, "failed: more files (--json lists all)")


def test_a_file_that_landed_under_another_name_is_told() -> None:
    landed = [
        FileLanded(transfer=ID, file=0, name="a", path="a"),
        FileLanded(transfer=ID, file=1, name="in/b", path="in/b (2)"),
        FileLanded(transfer=ID, file=2, name="c", path=""),
        FileLanded(transfer=ID, file=3, name="d", path="e", skipped=True),
    ]
    assert plain([*landed]) == ["in/b landed as in/b (2)"]
    lines = plain([FileLanded(transfer=ID, file=number, name="x", path="y") for number in range(100)])
    assert (len(lines), lines[-1]) == (21, "more files landed under other names (--json lists all)")


def test_chunks_that_come_again_are_one_line() -> None:
    again = [Resent(transfer=ID, name=name, why="it came damaged") for name in "aaab"]
    assert plain([*again]) == ["sent again: a (it came damaged)", "sent again: b (it came damaged)"]


def test_a_long_wait_for_room_is_not_a_flood() -> None:
    waits = [NoRoom(transfer=ID, needed=10, free=1, seconds_left=left) for left in (99, 98, 69, 68)]
    more = NoRoom(transfer=ID, needed=20, free=1, seconds_left=67)
    lines = plain([*waits, more, NoRoom(transfer=ID, needed=0, free=30, seconds_left=0), waits[3]])
    told = [line.removeprefix("the receiver's disk is full: ") for line in lines]
    assert told == [
        "10 B needed, 1 B free; it waits 1 min 39 s more for room",
        "10 B needed, 1 B free; it waits 1 min 9 s more for room",
        "20 B needed, 1 B free; it waits 1 min 7 s more for room",
        "there is room again; going on",
        "10 B needed, 1 B free; it waits 1 min 8 s more for room",
    ]


def test_who_was_called_does_not_say_that_it_calls() -> None:
    lines = plain([Broke(transfer=ID, problem="the peer hung up", seconds=0.0)])
    assert lines == ["the peer hung up; it goes on when the other side calls again"]


def test_that_all_is_done_is_left_to_the_summary() -> None:
    assert plain([Moved(transfer=ID, phase="done", durable=0, size=0)]) == []


def test_a_terminal_that_has_gone_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    PlainView(output=Gone())(Noted(sentence="nobody reads this"))


class Recorded:
    """The console of the bars, written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.output = io.StringIO()
        monkeypatch.setattr(
            "rich.console.Console",
            lambda stderr: Console(
                file=self.output, force_terminal=True, width=120, legacy_windows=False, color_system=None
            ),
        )
        monkeypatch.setattr(sys, "stderr", self.output)


def test_bars_and_the_lines_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    view = BarView(explain=True)
    for event in WHOLE[:-1]:
        view(event)
    assert view._progress is not None
    tasks = [(task.description, task.completed, task.fields["told"]) for task in view._progress.tasks]
    assert tasks == [
        ("sending", 1024, "1.0 of 4.0 KiB, disk read, 0/2 files"),
        ("a[b]\\x1b", 2048, "2.0 of 2.0 KiB"),
    ]
    view(WHOLE[-1])
    assert view._progress is None
    view.say("afterwards")
    view.close()
    text = recorded.output.getvalue()
    assert all(sentence in text for sentence in [*SAID, "held up by: disk read (read 90 %)", "afterwards"])
    assert "a[b]\\x1b" in text


def test_many_files_have_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(monkeypatch)
    view = BarView()
    view(Began(transfer=ID, peer="x", files=9, size=None))
    view(FileMoved(transfer=ID, file=0, name="a", done=100, size=None))
    view(Moved(transfer=ID, phase="sending", durable=5, rate=5.0, eta_seconds=1.0))
    assert view._progress is not None
    assert [task.fields["told"] for task in view._progress.tasks] == ["5 B, 5 B/s, 1.0 s left"]
    assert [task.fields["percent"] for task in view._progress.tasks] == [""]
    view(Moved(transfer=ID, phase="sending", durable=5, size=10))
    assert [task.fields["percent"] for task in view._progress.tasks] == ["50 %"]
    view.close()
    view(Moved(transfer=ID, phase="sending", durable=6))


def test_a_break_keeps_the_bars_and_late_events_make_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(monkeypatch)
    view = BarView()
    began = Began(transfer=ID, peer="x", files=2, size=None)
    view(began)
    view(began)
    assert view._progress is not None and len(view._progress.tasks) == 1
    view(FileMoved(transfer=ID, file=0, name="a", done=100, size=None))
    view.close()
    view(FileMoved(transfer=ID, file=0, name="a", done=100, size=None))
    assert view._progress is None


def test_a_drop_has_no_bar_for_a_sender_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(monkeypatch)
    view = BarView(drop="/drop")
    view(WHOLE[0])
    view(WHOLE[1])
    assert view._progress is not None
    view(Broke(transfer=ID, problem="the peer hung up", seconds=0.0))
    assert view._progress is None
    view(WHOLE[1])
    assert [task.description for task in view._bars().tasks] == ["tls://host:1"]
    view.close()


@pytest.mark.parametrize(("terminal", "kind"), [(True, BarView), (False, PlainView)])
def test_which_view_fits(terminal: bool, kind: type[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert isinstance(view_for(False, False), kind)
    assert isinstance(view_for(True, False), JsonView)
