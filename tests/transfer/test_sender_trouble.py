"""The sending side where files change under it, streams break off, and connections are lost."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from landline.errors import ConnectionClosed
from landline.transfer.events import FileFailed, FileLanded, Resent
from landline.transfer.faults import Fault
from landline.transfer.wire import (
    Changed,
    Message,
    Nak,
    Offer,
    Page,
)
from tests.transfer.peer import CHUNK, MakeJob, Meeting, ScriptedReceiver, Seen, data_of, landed_by_name


class Interfering(ScriptedReceiver):
    """Does something to the source when data comes: `acts` by how many chunks have come."""

    def __init__(self, acts: dict[int, Callable[[], object]]) -> None:
        super().__init__()
        self.acts = acts
        self.count = 0

    def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
        self.count += 1
        self.acts.get(self.count, lambda: None)()
        return True


@pytest.mark.parametrize("size", [2 * CHUNK + 1, CHUNK // 2])
def test_a_file_that_was_changed_since_it_was_listed_goes_as_it_is_now(
    tmp_path: Path, make_job: MakeJob, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"short")
    now = data_of(size)

    class Late(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            path.write_bytes(now)
            return super().on_page(page)

    seen = Seen()
    receiver = Late()
    assert Meeting(make_job(path, seen=seen), receiver).error is None
    assert receiver.landed[0] == now
    # No byte of the old one went out, so that was no second sending.
    assert seen.of(Resent) == []


def appended(path: Path) -> Callable[[], object]:
    """Something that makes a file longer."""

    def act() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    return act


def test_a_file_that_grows_while_it_is_sent_is_sent_once_more(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "file"
    path.write_bytes(data_of(3 * CHUNK))
    receiver = Interfering({1: appended(path)})
    seen = Seen()
    assert Meeting(make_job(path, seen=seen), receiver).error is None
    assert receiver.landed[0] == path.read_bytes()
    (change,) = receiver.said_of(Changed)
    assert isinstance(change, Changed) and change.entry.generation == 1
    assert len(seen.of(Resent)) == 1


def test_a_file_that_changes_again_and_again_fails(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "file"
    path.write_bytes(data_of(CHUNK + CHUNK // 2))
    (tmp_path / "other").write_bytes(b"other")
    receiver = Interfering({number: appended(path) for number in range(1, 20)})
    job = make_job(path, tmp_path / "other")
    assert Meeting(job, receiver).error is None
    (row,) = job.receipt("", "", "durable").failed
    assert row.fault is Fault.CHANGED
    assert row.detail == "it changed while it was sent, and again the second time; send it when nobody writes to it"
    assert list(landed_by_name(receiver)) == [b"other"]


def test_a_file_that_shrinks_while_it_is_sent_is_sent_once_more(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "file"
    path.write_bytes(data_of(4 * CHUNK))
    receiver = Interfering({1: lambda: os.truncate(path, CHUNK + 5)})
    assert Meeting(make_job(path), receiver).error is None
    assert receiver.landed[0] == path.read_bytes()


def test_a_file_that_vanishes_fails_alone(tmp_path: Path, make_job: MakeJob) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * (CHUNK // 2))

    class Late(ScriptedReceiver):
        def on_page(self, page: Page) -> Iterable[Message]:
            (tmp_path / "a").unlink(missing_ok=True)
            return super().on_page(page)

    receiver = Late()
    job = make_job(tmp_path / "a", tmp_path / "b")
    assert Meeting(job, receiver).error is None
    (row,) = job.receipt("", "", "durable").failed
    assert (row.name, row.fault, row.detail) == ("a", Fault.UNREADABLE, "it is not there any more")
    assert list(landed_by_name(receiver)) == [b"b"]


def test_a_fifo_fails_alone(tmp_path: Path, make_job: MakeJob) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "file").write_bytes(b"x")
    seen = Seen()
    receiver = ScriptedReceiver()
    assert Meeting(make_job(folder, seen=seen), receiver).error is None
    (failed,) = seen.of(FileFailed)
    assert isinstance(failed, FileFailed)
    assert (failed.name, failed.fault) == ("folder/fifo", "kind")
    assert list(landed_by_name(receiver)) == [b"folder/file"]


@pytest.mark.parametrize("size", [0, 5, CHUNK, 2 * CHUNK + 5])
def test_standard_input_is_a_stream(make_job: MakeJob, size: int) -> None:
    data = data_of(size)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        receiver = ScriptedReceiver()
        receiver.streams = 3
        job = make_job(Path("-"), fd=ours.fileno(), stream_name=b"backup.tar")

        def write() -> None:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        assert Meeting(job, receiver).error is None
        writer.join()
    assert receiver.landed == {0: data}
    (page,) = receiver.said_of(Page)
    assert isinstance(page, Page)
    assert page.entries[0].size is None and page.entries[0].parts == (b"backup.tar",)


def test_a_damaged_piece_of_a_stream_is_sent_again_while_it_is_kept(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "stream"
    path.write_bytes(data_of(2 * CHUNK + 3))

    class Damaged(ScriptedReceiver):
        strikes = 0

        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            self.strikes += chunk == 0
            return chunk > 0 or self.strikes > 1

    receiver = Damaged()
    with path.open("rb") as file:
        assert Meeting(make_job(Path("-"), fd=file.fileno()), receiver).error is None
    assert receiver.landed == {0: path.read_bytes()}


def test_a_piece_of_a_stream_that_nobody_has_any_more_is_corrupt(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "stream"
    path.write_bytes(data_of(3 * CHUNK))

    class Late(ScriptedReceiver):
        def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
            if chunk == 2:
                self.post(Nak(0, 0, 0))
            return chunk < 2

        def post(self, *messages: Message) -> None:
            super().post(*(one for one in messages if not (isinstance(one, Nak) and one.chunk == 2)))

    with path.open("rb") as file:
        job = make_job(Path("-"), fd=file.fileno(), memory_bytes=2**24)
        assert Meeting(job, Late()).error is None
    (row,) = job.receipt("", "", "durable").failed
    assert row.fault is Fault.CORRUPT


class Breaking(ScriptedReceiver):
    """Breaks the connection after `chunks` chunks."""

    def __init__(self, chunks: int, have: dict[int, dict[int, bytes]] | None = None) -> None:
        super().__init__(have)
        self.left = chunks

    def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
        self.left -= 1
        if self.left == 0:
            self._sock.shutdown(socket.SHUT_RDWR)
        return True


def test_a_job_goes_on_in_a_new_connection(tmp_path: Path, make_job: MakeJob) -> None:
    data = data_of(4 * CHUNK)
    (tmp_path / "big").write_bytes(data)
    (tmp_path / "small").write_bytes(b"small")
    seen = Seen()
    job = make_job(tmp_path / "big", tmp_path / "small", seen=seen)
    first = Breaking(3)
    assert isinstance(Meeting(job, first).error, ConnectionClosed)
    kept = {index: dict(held.chunks) for index, held in first.files.items()}
    second = ScriptedReceiver(kept)
    second.landed = dict(first.landed)
    assert Meeting(job, second).error is None
    assert first.said_of(Offer) == second.said_of(Offer)
    assert second.landed[0] == data
    assert len(second.frames) + len(first.frames) <= 7
    # Each is told once, whatever breaks.
    names = [event.name for event in seen.of(FileLanded) if isinstance(event, FileLanded)]
    assert sorted(names) == ["big", "small"]
    assert len(job.receipt("", "", "durable").files) == 2


def test_a_stream_goes_on_in_a_new_connection(tmp_path: Path, make_job: MakeJob) -> None:
    data = data_of(3 * CHUNK + 9)
    path = tmp_path / "stream"
    path.write_bytes(data)
    with path.open("rb") as file:
        job = make_job(Path("-"), fd=file.fileno())
        first = Breaking(1)
        assert isinstance(Meeting(job, first).error, ConnectionClosed)
        second = ScriptedReceiver({0: dict(first.files[0].chunks)})
        assert Meeting(job, second).error is None
    assert second.landed == {0: data}


def test_a_stream_that_has_lost_something_fails(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "stream"
    path.write_bytes(data_of(4 * CHUNK))
    with path.open("rb") as file:
        job = make_job(Path("-"), fd=file.fileno(), memory_bytes=2**24)
        assert isinstance(Meeting(job, Breaking(3)).error, ConnectionClosed)
        assert Meeting(job, ScriptedReceiver()).error is None
    (row,) = job.receipt("", "", "durable").failed
    assert row.fault is Fault.STOPPED
    assert row.detail == "the connection broke, and what was read of standard input cannot be read again"
