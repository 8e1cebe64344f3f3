"""The journal on disk: what is torn, full, locked, closed, broken, or used by many threads at once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from landline.transfer.faults import Fault
from landline.transfer.journal import Journal, JournalBusy
from landline.transfer.records import (
    MAGIC,
    Chunk,
    Epoch,
    Failed,
    JobState,
    JournalError,
    Opened,
    Record,
    decode,
    encode,
)

OPENED = Opened(0, 0, None, 4096, b"source")


def chunk(number: int) -> Chunk:
    return Chunk(0, 0, number, bytes([number % 256]) * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_what_is_appended_is_there_when_it_is_opened_again(folder: int, path: Path) -> None:
    with Journal.open(folder) as journal:
        assert journal.state == JobState()
        journal.append(OPENED, chunk(0))
        journal.append()
        journal.append(chunk(1))
        journal.sync()
        before = journal.state
    assert path.read_bytes() == MAGIC + encode([OPENED, chunk(0), chunk(1)])
    assert path.stat().st_mode & 0o777 == 0o600
    with Journal.open(folder) as journal:
        assert journal.state == before
        assert journal.state.files[0].chunks == {0: bytes(32), 1: b"\1" * 32}
        journal.append(Epoch(2))
    with Journal.open(folder, b"journal") as journal:
        assert journal.state.epoch == 2


def test_a_torn_tail_is_cut_before_anything_follows_it(folder: int, path: Path) -> None:
    whole = MAGIC + encode([OPENED, chunk(0)])
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with Journal.open(folder) as journal:
            journal.append(Epoch(7))
        left, _ = decode(whole[:size])
        assert path.read_bytes() == MAGIC + encode([*only_records(left), Epoch(7)])


def only_records(found: list[Any]) -> list[Record]:
    return list(found)


def test_damage_in_the_middle_ends_the_journal_there(folder: int, path: Path) -> None:
    whole = bytearray(MAGIC + encode([OPENED, chunk(0), chunk(1)]))
    whole[len(MAGIC + encode([OPENED])) + 20] ^= 1
    path.write_bytes(whole)
    with Journal.open(folder) as journal:
        assert journal.state.files[0].chunks == {}
    assert path.read_bytes() == MAGIC + encode([OPENED])


def test_another_file_is_left_as_it_is(folder: int, path: Path) -> None:
    path.write_bytes(b"something else")
    with pytest.raises(JournalError, match="the journal 'journal' starts 73 6f 6d 65 and not"):
        Journal.open(folder)
    assert path.read_bytes() == b"something else"


def test_two_cannot_have_it_at_once(folder: int) -> None:
    with Journal.open(folder), pytest.raises(JournalBusy) as caught:
        Journal.open(folder)
    assert str(caught.value) == "another process receives this transfer (it holds 'journal'); wait until it has ended"
    Journal.open(folder).close()


def test_a_journal_that_was_removed_before_the_lock_is_not_taken(
    folder: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    removals = [path]

    def flock(descriptor: int, how: int) -> None:
        if removals:
            removals.pop().unlink()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Journal.open(folder) as journal:
        journal.append(Epoch(1))
    assert path.read_bytes() == MAGIC + encode([Epoch(1)])


def test_a_link_is_not_followed(folder: int, path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError) as caught:
        Journal.open(folder)
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_no_file_is_refused(folder: int, path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(JournalError) as caught:
        Journal.open(folder)
    assert str(caught.value) == "the journal 'journal' is not a regular file; remove it"


def test_a_closed_journal_takes_nothing(folder: int) -> None:
    journal = Journal.open(folder)
    journal.append(OPENED)
    journal.close()
    journal.close()
    calls: list[Callable[[], None]] = [lambda: journal.append(OPENED), journal.sync]
    for call in calls:
        with pytest.raises(OSError, match="the journal is closed") as caught:
            call()
        assert caught.value.errno == errno.EBADF


def test_a_record_that_is_too_large_leaves_no_trace(folder: int, path: Path) -> None:
    with Journal.open(folder) as journal:
        with pytest.raises(JournalError):
            journal.append(OPENED, Failed(0, Fault.SYSTEM, "x" * 70_000))
        assert journal.state == JobState()
    assert path.read_bytes() == MAGIC


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel takes what fits into `size`, and refuses the next byte: a full disk in the small."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 7, 8, 50, 53, 60])
def test_a_write_that_does_not_fit_is_undone(folder: int, path: Path, room: int) -> None:
    with Journal.open(folder) as journal:
        journal.append(OPENED, chunk(0))
        good = path.read_bytes()
        with largest_file(len(good) + room), pytest.raises(OSError) as caught:
            journal.append(chunk(1), chunk(2))
        assert caught.value.errno == errno.EFBIG
        assert path.read_bytes() == good
        assert list(journal.state.files[0].chunks) == [0]
        journal.append(chunk(3))
        journal.sync()
        assert path.read_bytes() == good + encode([chunk(3)])


def full_disk(monkeypatch: pytest.MonkeyPatch, takes: int) -> None:
    """Let `os.write` take some bytes, and refuse the rest for want of space."""
    real = os.write

    def write(descriptor: int, data: Any) -> int:
        nonlocal takes
        if not takes:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(descriptor, bytes(data)[:takes])
        takes -= taken
        return taken

    monkeypatch.setattr(os, "write", write)


def test_a_full_disk_at_any_byte(folder: int, path: Path) -> None:
    more = [chunk(1), chunk(2)]
    with Journal.open(folder) as journal:
        journal.append(OPENED, chunk(0))
        good = path.read_bytes()
        for takes in range(len(encode(more))):
            with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError) as caught:
                full_disk(patch, takes)
                journal.append(*more)
            assert caught.value.errno == errno.ENOSPC
            assert path.read_bytes() == good
        journal.append(*more)
    assert path.read_bytes() == good + encode(more)


def test_a_cut_that_fails_is_done_before_the_next_write(
    folder: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal.open(folder) as journal:
        with monkeypatch.context() as patch:
            full_disk(patch, 60)
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="No space left"):
                journal.append(chunk(1), chunk(2))
            with pytest.raises(OSError, match="Input/output error"):
                journal.append(chunk(3))
        assert len(path.read_bytes()) == len(MAGIC) + 60
        journal.append(chunk(4))
    assert path.read_bytes() == MAGIC + encode([chunk(4)])


def test_a_sync_that_failed_is_never_forgiven(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal.open(folder) as journal:
        journal.append(chunk(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", refuse)
            with pytest.raises(OSError, match="Input/output error"):
                journal.sync()
        calls: list[Callable[[], None]] = [lambda: journal.append(chunk(2)), journal.sync]
        for call in calls:
            with pytest.raises(OSError, match="the journal failed before: Input/output error") as caught:
                call()
            assert caught.value.errno == errno.EIO


def test_a_full_disk_when_it_is_opened(folder: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        full_disk(patch, 2)
        with pytest.raises(OSError, match="No space left"):
            Journal.open(folder)
    with Journal.open(folder) as journal:
        assert journal.state == JobState()
    assert path.read_bytes() == MAGIC


class CountedSyncs:
    """An `fdatasync` that counts, and holds the first caller until `go` is set."""

    def __init__(self) -> None:
        self.count = 0
        self.begun = threading.Event()
        self.go = threading.Event()

    def __call__(self, descriptor: int) -> None:
        self.count += 1
        self.begun.set()
        assert self.go.wait(30)


def test_callers_share_a_sync(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.open(folder) as journal:
        counted = CountedSyncs()
        monkeypatch.setattr(os, "fdatasync", counted)
        journal.sync()
        assert counted.count == 0

        def put(number: int) -> None:
            journal.append(chunk(number))
            journal.sync()

        first = threading.Thread(target=put, args=(0,))
        first.start()
        assert counted.begun.wait(30)
        # All of them are behind the sync that runs; one more is enough for them together.
        journal.append(*map(chunk, range(1, 9)))
        others = [threading.Thread(target=journal.sync) for _ in range(8)]
        for thread in others:
            thread.start()
        counted.go.set()
        for thread in [first, *others]:
            thread.join()
        assert counted.count == 2


def test_closing_waits_for_a_sync_that_runs(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(folder)
    journal.append(chunk(0))
    counted = CountedSyncs()
    monkeypatch.setattr(os, "fdatasync", counted)
    syncing = threading.Thread(target=journal.sync)
    closing = threading.Thread(target=journal.close)
    syncing.start()
    assert counted.begun.wait(30)
    closing.start()
    counted.go.set()
    syncing.join()
    closing.join()
    with pytest.raises(OSError, match="the journal is closed"):
        journal.append(chunk(1))


def test_many_threads_write_whole_records(folder: int, path: Path) -> None:
    def put(thread: int) -> None:
        for number in range(50):
            journal.append(Chunk(thread, 0, number, b"x"), Chunk(thread, 1, number, b"x"))
            if number % 10 == 0:
                journal.sync()

    with Journal.open(folder) as journal:
        threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    records, good_bytes = decode(path.read_bytes())
    assert good_bytes == path.stat().st_size
    assert len(records) == 400
    assert all(records[at + 1] == Chunk(one.file, 1, one.number, b"x") for at, one in pairs(records))


def pairs(records: list[Any]) -> Iterator[tuple[int, Chunk]]:
    """The first of each two records that were appended together."""
    return ((at, records[at]) for at in range(0, len(records), 2))
