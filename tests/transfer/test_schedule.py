"""The queue of what is to be sent next."""

from __future__ import annotations

import pytest

from landline.transfer.manifest import BUNDLE_FILES, BUNDLED_BYTES, LEAST_CHUNK, Entry, Kind, root_of
from landline.transfer.schedule import Bundle, Check, Chunk, FileWork, Finish, Schedule, Stream, Work, claim_end

CHUNK = LEAST_CHUNK


def a_file(size: int | None, index: int = 0) -> FileWork:
    """A file to send."""
    return FileWork(index, Entry(Kind.FILE, (b"name",), size))


def taken(schedule: Schedule) -> list[Work]:
    """All that is there to do."""
    works = []
    while (work := schedule.take()) is not None:
        works.append(work)
    return works


def test_chunks_go_in_order_and_the_last_one_that_is_done_ends_the_file() -> None:
    schedule, file = Schedule(), a_file(2 * CHUNK + 1)
    assert schedule.add(file) == 0
    assert taken(schedule) == [Chunk(file, 0), Chunk(file, 1), Chunk(file, 2)]
    assert not schedule.sent(file, 2, b"2" * 32)
    assert not schedule.sent(file, 0, b"0" * 32)
    assert schedule.sent(file, 1, b"1" * 32)
    assert not claim_end(file)
    assert file.root_by("sha256") == root_of(2 * CHUNK + 1, CHUNK, [b"0" * 32, b"1" * 32, b"2" * 32], "sha256")
    assert file.length_of(2) == 1 and file.is_file


def test_small_files_go_together_where_nothing_else_is_ready() -> None:
    schedule, small, large = Schedule(), [a_file(1, 1), a_file(0, 2)], a_file(CHUNK)
    for file in [*small, large]:
        schedule.add(file)
    assert taken(schedule) == [Chunk(large, 0), Bundle(small)]
    assert [schedule.sent(file, 0, b"d" * 32) for file in small] == [True, True]
    assert [file.digests for file in small] == [{0: b"d" * 32}, {}]


def test_a_full_bundle_does_not_wait() -> None:
    schedule = Schedule()
    schedule.add(a_file(CHUNK))
    for index in range(BUNDLE_FILES + 1):
        schedule.add(a_file(1, index))
    first, second, third = taken(schedule)
    assert isinstance(first, Bundle) and len(first.files) == BUNDLE_FILES
    assert isinstance(second, Chunk)
    assert isinstance(third, Bundle) and len(third.files) == 1


def test_a_bundle_is_full_by_its_bytes() -> None:
    schedule = Schedule()
    for index in range(17):
        schedule.add(a_file(BUNDLED_BYTES, index))
    assert [len(work.files) for work in taken(schedule) if isinstance(work, Bundle)] == [16, 1]


def test_what_the_receiver_has_is_checked_last() -> None:
    schedule, file, other = Schedule(), a_file(3 * CHUNK), a_file(5, 1)
    file.held = {0: b"a" * 32, 2: b"c" * 32}
    assert schedule.add(file) == 2 * CHUNK
    schedule.add(other)
    assert taken(schedule) == [Chunk(file, 1), Bundle([other]), Check(file, 0), Check(file, 2)]
    assert not schedule.sent(file, 1, b"b" * 32)
    assert schedule.checked(file, 0, b"a" * 32) == (True, False)
    assert schedule.checked(file, 2, b"?" * 32) == (False, False)
    assert taken(schedule) == [Chunk(file, 2)]
    assert schedule.sent(file, 2, b"?" * 32)


def test_what_was_hashed_before_needs_no_check() -> None:
    schedule, file = Schedule(), a_file(2 * CHUNK)
    file.digests = {0: b"a" * 32, 1: b"b" * 32}
    file.held = {0: b"a" * 32, 1: b"?" * 32}
    assert schedule.add(file) == CHUNK
    assert taken(schedule) == [Chunk(file, 1)]
    whole = a_file(CHUNK)
    whole.digests = {0: b"a" * 32}
    whole.held = {0: b"a" * 32}
    schedule.add(whole)
    assert taken(schedule) == [Finish(whole)]


def test_a_small_file_that_is_there_is_checked_and_goes_in_a_bundle_if_it_differs() -> None:
    schedule, file = Schedule(), a_file(5)
    file.held = {0: b"a" * 32}
    assert schedule.add(file) == 5
    assert schedule.take() == Check(file, 0)
    assert schedule.checked(file, 0, b"?" * 32) == (False, False)
    assert taken(schedule) == [Bundle([file])]
    assert schedule.sent(file, 0, b"?" * 32)


@pytest.mark.parametrize("size", [0, 5, CHUNK, 3 * CHUNK])
def test_what_came_damaged_goes_first_and_once(size: int) -> None:
    schedule, file = Schedule(), a_file(size)
    schedule.add(file)
    assert not schedule.repeat(file, 0)
    for work in taken(schedule):
        schedule.sent(file, work.number if isinstance(work, Chunk) else 0, b"d" * 32)
    assert file.ended
    assert schedule.repeat(file, 0) and schedule.repeat(file, 0)
    assert not schedule.repeat(file, 3)
    assert not file.ended
    schedule.add(a_file(CHUNK, 1))
    first = schedule.take()
    # Small ones are in no hurry: they wait for a bundle.
    works = [first, *taken(schedule)]
    again = [work for work in works if isinstance(work, Chunk | Bundle) and file in (work.file if isinstance(work, Chunk) else None, *(work.files if isinstance(work, Bundle) else []))]  # fmt: skip  # noqa: E501
    assert len(again) == 1
    assert first == Chunk(file, 0) or file.entry.bundled
    assert schedule.sent(file, 0, b"d" * 32)


def test_files_that_nobody_wants_are_passed_over() -> None:
    schedule = Schedule()
    files = [a_file(CHUNK, 0), a_file(3, 1), a_file(None, 2), a_file(2 * CHUNK, 3), a_file(2 * CHUNK, 4)]
    files[3].held = {0: b"a" * 32}
    for file in files:
        schedule.add(file)
    assert taken(schedule)[0] == Stream(files[2])
    assert schedule.repeat(files[0], 0)
    schedule = Schedule()
    for file in files:
        file.next_chunk = file.moving = 0
        schedule.add(file)
    schedule.repeat(files[3], 0)
    for file in files:
        file.dead = True
    assert taken(schedule) == []
    assert not files[0].is_complete


def test_a_stream_is_sent_by_one_and_taken_up_again() -> None:
    schedule, file = Schedule(), a_file(None)
    assert schedule.add(file) == 0
    assert schedule.take() == Stream(file)
    file.read_chunks, file.read_bytes = 2, CHUNK + 5
    assert (file.size, file.chunks, file.length_of(1)) == (CHUNK + 5, 2, 5)
    assert schedule.repeat(file, 1)
    assert schedule.take() is None
    file.moving = 0
    schedule.resume_stream(file)
    assert schedule.take() == Stream(file)
    assert not schedule.repeat(file, 2)
    file.moving = 0
    assert schedule.add(file) == CHUNK


def test_a_new_connection_keeps_what_was_hashed() -> None:
    file = a_file(CHUNK)
    file.digests[0], file.held[0], file.moving, file.dead = b"d" * 32, b"h" * 32, 1, True
    again = file.renewed()
    assert (again.digests, again.held, again.moving, again.dead) == ({0: b"d" * 32}, {}, 0, False)
