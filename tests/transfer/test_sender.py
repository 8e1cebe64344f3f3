"""The sending side of a control connection, against a receiver that is written by hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from landline.errors import ConnectionClosed
from landline.transfer.desk import Desk
from landline.transfer.events import Began, Event, FileLanded, Moved, NoRoom, Resent
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.manifest import Kind
from landline.transfer.options import SendOptions
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import (
    Accept,
    Bye,
    Failed,
    FileEnd,
    Have,
    Landed,
    LandedFile,
    Message,
    Nak,
    Offer,
    Page,
    Plan,
    Progress,
    Refuse,
    Result,
    Space,
    Trouble,
    WireError,
)
from tests.transfer.peer import CHUNK, KEY, MakeJob, Meeting, ScriptedReceiver, Seen, data_of, landed_by_name


def test_a_folder_of_small_and_large_files_arrives_whole(tmp_path: Path, make_job: MakeJob) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    contents = {b"big": data_of(2 * CHUNK + 5), b"edge": data_of(CHUNK), b"small": b"hello", b"empty": b""}
    contents[b"inner/name-\xff"] = b"not UTF-8"
    for name, data in contents.items():
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(data)
    (folder / "link").symlink_to("small")
    seen = Seen()
    job = make_job(folder, seen=seen)
    receiver = ScriptedReceiver()
    meeting = Meeting(job, receiver)
    assert meeting.error is None
    assert landed_by_name(receiver) == {b"folder/" + name: data for name, data in contents.items()}
    receipt = job.receipt("tls://x:1", "", "durable")
    assert {row.name_bytes for row in receipt.files} == {b"folder/" + name for name in contents}
    assert receipt.landed == len(contents) and receipt.size == sum(map(len, contents.values()))
    assert all(len(row.root) == 64 for row in receipt.files)
    assert [type(event) for event in seen.of(Began)] == [Began]
    assert len(seen.of(FileLanded)) == len(contents)
    assert isinstance(seen.of(Moved)[-1], Moved)
    assert isinstance(receiver.said[-1], Bye) and receiver.said[-1].fault is None


@pytest.mark.parametrize("streams", [1, 3, 8])
def test_several_connections_share_the_work(tmp_path: Path, make_job: MakeJob, streams: int) -> None:
    data = data_of(5 * CHUNK + 1)
    (tmp_path / "big").write_bytes(data)
    for number in range(50):
        (tmp_path / f"small-{number}").write_bytes(data_of(number, number))
    receiver = ScriptedReceiver()
    receiver.streams = streams
    job = make_job(*sorted(tmp_path.iterdir()))
    assert Meeting(job, receiver).error is None
    assert landed_by_name(receiver)[b"big"] == data
    assert len(receiver.landed) == 51
    assert len([frame for frame in receiver.frames if frame[0] == "chunk"]) == 6


def test_a_clear_connection_has_tags(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "big").write_bytes(data_of(CHUNK + 1))
    (tmp_path / "small").write_bytes(b"small")
    receiver = ScriptedReceiver()
    receiver.trusted = True
    job = make_job(tmp_path / "big", tmp_path / "small")
    assert Meeting(job, receiver, clear_allowed=True).error is None
    assert len(receiver.landed) == 2


def test_clear_data_that_was_not_offered_is_refused(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "small").write_bytes(b"small")
    receiver = ScriptedReceiver()
    receiver.trusted = True
    meeting = Meeting(make_job(tmp_path / "small"), receiver)
    assert isinstance(meeting.error, WireError)
    assert receiver.landed == {}


@pytest.mark.parametrize("size", [10, CHUNK + 10])
def test_a_damaged_piece_is_sent_again(tmp_path: Path, make_job: MakeJob, size: int) -> None:
    data = data_of(size)
    (tmp_path / "file").write_bytes(data)

    class Damaged(ScriptedReceiver):
        strikes = 0

        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            self.strikes += 1
            return self.strikes > 2

    seen = Seen()
    receiver = Damaged()
    assert Meeting(make_job(tmp_path / "file", seen=seen), receiver).error is None
    assert receiver.landed[0] == data
    assert len(seen.of(Resent)) == 2


def test_the_third_strike_is_the_receivers_to_say(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "bad").write_bytes(data_of(CHUNK + 10))
    (tmp_path / "good").write_bytes(b"good")

    class Broken(ScriptedReceiver):
        strikes = 0

        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            if (head_file, chunk) != (0, 0):
                return True
            self.strikes += 1
            if self.strikes == 3:
                self.post(Failed(0, Fault.CORRUPT, "three times"))
                del self.files[0]
            return False

        def post(self, *messages: Message) -> None:
            super().post(*(one for one in messages if not (isinstance(one, Nak) and self.strikes == 3)))

    seen = Seen()
    job = make_job(tmp_path / "bad", tmp_path / "good", seen=seen)
    assert Meeting(job, Broken()).error is None
    (row,) = job.receipt("", "", "durable").failed
    assert (row.name, row.fault, row.detail) == ("bad", Fault.CORRUPT, "three times")


def test_what_the_receiver_has_is_not_sent(tmp_path: Path, make_job: MakeJob) -> None:
    data = data_of(3 * CHUNK + 7)
    (tmp_path / "file").write_bytes(data)
    receiver = ScriptedReceiver({0: {0: data[:CHUNK], 2: data[2 * CHUNK : 3 * CHUNK]}})
    seen = Seen()
    assert Meeting(make_job(tmp_path / "file", seen=seen), receiver).error is None
    assert receiver.landed[0] == data
    assert sorted(receiver.frames) == [("chunk", 0, 1), ("chunk", 0, 3)]
    (began,) = seen.of(Began)
    assert isinstance(began, Began) and began.resumed == 2 * CHUNK


def test_what_the_receiver_has_is_counted_once(tmp_path: Path, make_job: MakeJob) -> None:
    data = data_of(3 * CHUNK + 7)
    (tmp_path / "file").write_bytes(data)

    class Counting(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            yield from super().on_page(page)
            yield Progress(0, 2 * CHUNK, 2 * CHUNK, 0)
            yield Progress(len(data) - 2 * CHUNK, len(data), len(data), 0)

    seen = Seen()
    receiver = Counting({0: {0: data[:CHUNK], 1: data[CHUNK : 2 * CHUNK]}})
    assert Meeting(make_job(tmp_path / "file", seen=seen), receiver).error is None
    told = [(event.verified, event.durable) for event in seen.of(Moved) if isinstance(event, Moved)]
    assert told[-1] == (len(data), len(data))
    assert max(told) == told[-1]


def test_what_the_receiver_has_wrong_is_sent_again(tmp_path: Path, make_job: MakeJob) -> None:
    data = data_of(3 * CHUNK)
    (tmp_path / "file").write_bytes(data)
    receiver = ScriptedReceiver({0: {0: data[:CHUNK], 1: b"x" * CHUNK, 2: data[2 * CHUNK :]}})
    seen = Seen()
    assert Meeting(make_job(tmp_path / "file", seen=seen), receiver).error is None
    assert receiver.landed[0] == data
    assert receiver.frames == [("chunk", 0, 1)]
    assert len(seen.of(Resent)) == 1


@pytest.mark.parametrize("size", [77, 2 * CHUNK])
def test_a_file_that_is_there_whole_is_compared_and_not_sent(tmp_path: Path, make_job: MakeJob, size: int) -> None:
    data = data_of(size)
    (tmp_path / "file").write_bytes(data)
    chunks = {number: data[number * CHUNK : (number + 1) * CHUNK] for number in range(-(-size // CHUNK))}
    receiver = ScriptedReceiver({0: chunks})
    job = make_job(tmp_path / "file")
    assert Meeting(job, receiver).error is None
    assert receiver.frames == []
    assert len(receiver.said_of(FileEnd)) == 1
    receipt = job.receipt("", "", "durable")
    assert (receipt.landed, receipt.skipped, receipt.sent_bytes) == (1, 1, 0)


def test_a_finished_transfer_is_told_as_landed_and_sends_nothing(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class Done(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            return [Plan(0, 1, [0])]

    receiver = Done()
    job = make_job(tmp_path / "file")
    assert Meeting(job, receiver).error is None
    assert receiver.frames == []
    assert job.receipt("", "", "durable").skipped == 1


def test_entries_that_the_receiver_refuses_are_not_sent(tmp_path: Path, make_job: MakeJob) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"x")

    class Choosy(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            return [Plan(0, 3, [], [Trouble(1, Fault.EXISTS, "it is there")])]

    receiver = Choosy()
    job = make_job(*(tmp_path / name for name in "abc"))
    assert Meeting(job, receiver).error is None
    assert sorted(receiver.landed) == [0, 2]
    (row,) = job.receipt("", "", "durable").failed
    assert (row.name, row.fault, row.detail) == ("b", Fault.EXISTS, "it is there")


def test_a_new_name_stands_in_the_receipt(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class Renaming(ScriptedReceiver):
        def parts_of(self, file: int) -> tuple[bytes, ...] | None:
            return (b"inbox", b"file (1)")

    job = make_job(tmp_path / "file")
    assert Meeting(job, Renaming()).error is None
    (row,) = job.receipt("", "", "durable").files
    assert (row.name, row.path) == ("file", "inbox/file (1)")


def test_a_full_disk_is_told(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class Full(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            return [Space(10, 5, 30.0), *super().on_page(page)]

    seen = Seen()
    assert Meeting(make_job(tmp_path / "file", seen=seen), Full()).error is None
    assert seen.of(NoRoom) == [NoRoom(transfer="74" * 16, needed=10, free=5, seconds_left=30.0)]


def test_many_entries_are_listed_only_as_far_as_they_may_be_open(
    tmp_path: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.transfer.desk.OPEN_ENTRIES", 40)
    for number in range(200):
        (tmp_path / f"{number:03}").write_bytes(b"%d" % number)

    class Counting(ScriptedReceiver):
        most = 0

        def on_page(self, page: Page) -> Iterable[Message]:
            self.most = max(self.most, len(self.files))
            return super().on_page(page)

    receiver = Counting()
    assert Meeting(make_job(tmp_path), receiver).error is None
    assert len(receiver.landed) == 200
    assert receiver.most <= 40


BAD: list[tuple[str, list[Message], str]] = [
    ("plan beyond", [Plan(0, 9)], "a plan for 9 entries from 0 on, of 1"),
    ("plan of others", [Plan(0, 1, [7])], "a plan that names entries it is not about"),
    ("have beyond", [Have(0, 3, 1, b"d" * 32)], "it has chunks of entry 0 that the file does not have"),
    ("have unknown", [Have(5, 0, 1, b"d" * 32)], "it speaks of entry 5, and 1 were listed"),
    ("nak early", [Plan(0, 1), Nak(0, 0, 9)], "it wants chunk 9 of entry 0, which was not sent"),
    ("nak unknown", [Nak(8, 0, 0)], "it speaks of entry 8, and 1 were listed"),
    ("landed unknown", [Landed([LandedFile(8)])], "it speaks of entry 8, and 1 were listed"),
    ("failed unknown", [Failed(8, Fault.SPACE)], "it speaks of entry 8, and 1 were listed"),
    ("result early", [Result(0, 0, 0)], "it says that all is settled, and it is not"),
    ("twice", [Accept(1, "blake3", 1, KEY)], "it accepts a second time"),
    ("sender's word", [Page(0, [])], "a Page, which a receiver does not send"),
]


@pytest.mark.parametrize(("messages", "problem"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_receiver_that_breaks_the_rules_is_left(
    tmp_path: Path, make_job: MakeJob, messages: list[Message], problem: str
) -> None:
    (tmp_path / "file").write_bytes(b"x" * CHUNK)

    class Bad(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            return messages

    receiver = Bad()
    meeting = Meeting(make_job(tmp_path / "file"), receiver)
    assert isinstance(meeting.error, WireError)
    assert meeting.error.problem == problem
    assert isinstance(receiver.said[-1], Bye) and receiver.said[-1].fault is Fault.PROTOCOL


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Plan(0, 1), "a Plan before it has accepted"),
        (Accept(1, "md5", 1, KEY), "it wants the digest 'md5', which is not known here"),
    ],
)
def test_an_answer_to_the_offer_that_is_none(tmp_path: Path, make_job: MakeJob, answer: Message, problem: str) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class Bad(ScriptedReceiver):
        def on_offer(self, offer: Offer) -> Iterable[Message]:
            return [answer]

    meeting = Meeting(make_job(tmp_path / "file"), Bad())
    assert isinstance(meeting.error, WireError) and meeting.error.problem == problem


@pytest.mark.parametrize("answer", [Refuse(Fault.QUOTA, "full"), Bye(Fault.SUPERSEDED, "somebody else")])
def test_a_refusal_is_final(tmp_path: Path, make_job: MakeJob, answer: Refuse | Bye) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class No(ScriptedReceiver):
        def on_offer(self, offer: Offer) -> Iterable[Message]:
            return [answer]

    meeting = Meeting(make_job(tmp_path / "file"), No())
    assert isinstance(meeting.error, Refused)
    assert (meeting.error.fault, meeting.error.detail) == (answer.fault, answer.detail)


@pytest.mark.parametrize("fault", [None, Fault.STOPPED])
def test_a_receiver_that_leaves_may_come_again(tmp_path: Path, make_job: MakeJob, fault: Fault | None) -> None:
    (tmp_path / "file").write_bytes(b"x")

    class Leaving(ScriptedReceiver):
        def on_offer(self, offer: Offer) -> Iterable[Message]:
            return [Bye(fault)]

    assert isinstance(Meeting(make_job(tmp_path / "file"), Leaving()).error, ConnectionClosed)


@pytest.mark.parametrize("is_early", [False, True])
def test_another_root_than_was_sent_is_no_success(
    tmp_path: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, is_early: bool
) -> None:
    """What lands before the thread that sent it has come to note it was believed, whatever it was."""
    (tmp_path / "file").write_bytes(b"x")
    if is_early:
        monkeypatch.setattr(Desk, "sent_small", lambda desk, files: desk.over.wait(10))

    class Liar(ScriptedReceiver):
        def post(self, *messages: Message) -> None:
            super().post(*(Landed([LandedFile(0, b"?" * 32)]) if isinstance(m, Landed) else m for m in messages))

    meeting = Meeting(make_job(tmp_path / "file"), Liar())
    assert isinstance(meeting.error, WireError)
    assert meeting.error.problem == "'file' has landed with another content than was sent"


def test_a_text_goes_alone() -> None:
    job = SendJob(b"t" * 16, b"s" * 32, None, SendOptions(), text="hello")

    class Reading(ScriptedReceiver):
        streams = 0

        def on_offer(self, offer: Offer) -> Iterable[Message]:
            assert offer.text == "hello"
            return [Accept(1, "blake3", 1, KEY)]

    receiver = Reading()
    assert Meeting(job, receiver).error is None
    job.close()


def test_folders_come_before_what_is_in_them(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "top" / "a" / "b").mkdir(parents=True)
    (tmp_path / "top" / "a" / "b" / "file").write_bytes(b"x")
    receiver = ScriptedReceiver()
    assert Meeting(make_job(tmp_path / "top"), receiver).error is None
    (page,) = receiver.said_of(Page)
    assert isinstance(page, Page)
    assert [(entry.kind, entry.path) for entry in page.entries] == [
        (Kind.FOLDER, b"top"),
        (Kind.FOLDER, b"top/a"),
        (Kind.FOLDER, b"top/a/b"),
        (Kind.FILE, b"top/a/b/file"),
    ]


def test_events_carry_the_transfer(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "file").write_bytes(b"x")
    seen = Seen()
    Meeting(make_job(tmp_path / "file", seen=seen), ScriptedReceiver())
    events: list[Event] = seen.events
    assert {event.transfer for event in events} == {"74" * 16}


def test_a_limit_holds_for_all_connections_together(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "big").write_bytes(data_of(2 * CHUNK))
    (tmp_path / "small").write_bytes(data_of(100_000))
    job = make_job(tmp_path / "big", tmp_path / "small", limit_bytes_per_second=2**20)
    now, lock = [0.0], threading.Lock()

    class VirtualEvent(threading.Event):
        """Waiting moves the clock."""

        def wait(self, timeout: float | None = None) -> bool:
            with lock:
                now[0] += timeout or 0.0
            return self.is_set()

    job.clock = lambda: now[0]
    receiver = ScriptedReceiver()
    receiver.streams = 2
    assert Meeting(job, receiver, over=VirtualEvent()).error is None
    assert len(receiver.landed) == 2
    assert 7.0 <= now[0] <= 20.0


def test_a_pause_ends_with_the_connection(tmp_path: Path, make_job: MakeJob) -> None:
    (tmp_path / "file").write_bytes(b"")
    desk = Desk(make_job(tmp_path / "file", limit_bytes_per_second=1024), lambda message: None)
    desk.pause(10**6)
    desk.close()
    with pytest.raises(ConnectionClosed):
        desk.pause(10**6)
