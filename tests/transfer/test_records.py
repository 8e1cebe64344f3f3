"""Records as bytes, torn and damaged in every place, and what they add up to."""

from __future__ import annotations

from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.transfer.faults import Fault
from landline.transfer.records import (
    MAGIC,
    MAX_PAYLOAD_BYTES,
    Chunk,
    Destination,
    Dropped,
    Epoch,
    Failed,
    FileState,
    Finished,
    Job,
    JobState,
    JournalError,
    Landed,
    Landing,
    Opened,
    Record,
    Unknown,
    decode,
    encode,
    replay,
    restore,
)

JOB = Job(bytes(16), b"hash of the secret", "sha256", 1.5, "holiday")
OPENED = Opened(0, 1, 2500, 1000, b"inode 7")
LANDING = Landing(0, 65, 2**63, b"root", 2500, (b"a", b"\xff\n"))
LANDED = Landed(0, (b"a", b"\xff\n (2)"), -1)
FAILED = Failed(1, Fault.EXISTS, "there is one already")
CHUNKS = [Chunk(0, 1, number, bytes([number]) * 32) for number in range(3)]
ALL: list[Record] = [
    JOB, Epoch(1), OPENED, CHUNKS[0], CHUNKS[2], CHUNKS[1], Opened(1, 0, None, 1000, b""), Chunk(1, 0, 0, b"x"),
    Dropped(1, 0), Opened(1, 1, 9, 4, b"new"), Chunk(1, 1, 2, b"y"), Chunk(1, 0, 1, b"old"), FAILED, LANDING, LANDED,
    Epoch(2), Opened(2, 0, 0, 1, b""), Destination(b"/srv/drop"), Finished(2.5),
]  # fmt: skip
WHOLE = MAGIC + encode(ALL)


def framed(payload: bytes) -> bytes:
    length = len(payload).to_bytes(4, "big")
    return length + crc32(length + payload).to_bytes(4, "big") + payload


def test_all_kinds_come_back() -> None:
    assert decode(WHOLE) == (ALL, len(WHOLE))
    assert {type(record) for record in ALL} == set(Record.__args__)


def test_the_layout_on_disk() -> None:
    # MessagePack: an array of 2, the kind 7 (an epoch), the number 5.
    assert encode([Epoch(5)]) == framed(b"\x92\x07\x05")
    assert encode([]) == b""


def test_a_tail_torn_anywhere_leaves_a_prefix() -> None:
    for size in range(len(WHOLE)):
        records, good_bytes = decode(WHOLE[:size])
        assert records == ALL[: len(records)], size
        assert good_bytes == (len(MAGIC + encode(ALL[: len(records)])) if size >= len(MAGIC) else 0)
        assert size - good_bytes < max(len(encode([record])) for record in ALL)
        assert restore(WHOLE[:size]) == (replay(records), good_bytes)


def test_a_flipped_bit_anywhere_leaves_a_prefix_of_what_stood_before_it() -> None:
    for bit in range(8 * len(MAGIC), 8 * len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[bit // 8] ^= 1 << bit % 8
        records, good_bytes = decode(bytes(damaged))
        assert records == ALL[: len(records)], bit
        assert good_bytes <= bit // 8


def test_a_flipped_bit_in_the_start_is_another_format() -> None:
    for bit in range(8 * len(MAGIC)):
        damaged = bytearray(WHOLE)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(JournalError):
            decode(bytes(damaged))


def test_the_sentence_for_another_format() -> None:
    with pytest.raises(JournalError) as caught:
        decode(b"GIF89a", b"\x1bjournal")
    assert str(caught.value) == (
        "the journal '\\x1bjournal' starts 47 49 46 38 and not 4c 4c 4a 31: it is damaged, or of another version of "
        "Landline; move it away, and the transfer starts from its beginning"
    )
    assert caught.value.name == b"\x1bjournal"


@pytest.mark.parametrize("data", [b"", b"L", b"LLJ", bytes(1), bytes(4), bytes(4096), bytes(4) + WHOLE])
def test_a_file_whose_start_never_reached_the_disk_holds_nothing(data: bytes) -> None:
    assert decode(data) == ([], 0)
    assert restore(data) == (JobState(), 0)


@pytest.mark.parametrize(
    "tail",
    [
        bytes(8),
        bytes(4096),
        framed(b""),
        b"\xff" * 100,
        framed(bytes(MAX_PAYLOAD_BYTES + 1)),
        framed(b"\x92\x07\x05")[:-1],
        framed(b"\x92\x07\x05")[:7],
    ],
    ids=["zeros", "a page of zeros", "empty", "ones", "too large", "one byte short", "in the head"],
)
def test_what_is_no_record_ends_the_file(tail: bytes) -> None:
    assert decode(WHOLE + tail) == (ALL, len(WHOLE))
    assert decode(WHOLE + tail + encode([Epoch(9)])) == (ALL, len(WHOLE))


@pytest.mark.parametrize(
    "payload",
    [
        msgspec.msgpack.encode([99, "from the future"]),
        msgspec.msgpack.encode([3, -1, 0, 0, b""]),
        msgspec.msgpack.encode([3, 0]),
        msgspec.msgpack.encode([6, 0, "a new fault", ""]),
        msgspec.msgpack.encode({"type": 3}),
        b"\x93\x0a\xa2\xff\xfe",
        b"\x91" * 5000,
        b"\xc1",
        bytes(MAX_PAYLOAD_BYTES),
    ],
    ids=["new kind", "negative", "short", "new fault", "no array", "no text", "deep", "no MessagePack", "largest"],
)
def test_a_whole_record_that_nobody_knows_is_passed_over(payload: bytes) -> None:
    data = MAGIC + encode(ALL[:4]) + framed(payload) + encode(ALL[4:])
    assert decode(data) == ([*ALL[:4], Unknown(payload), *ALL[4:]], len(data))
    state, _ = restore(data)
    expected = replay(ALL)
    expected.unknown = 1
    assert state == expected


def test_fields_that_a_later_version_puts_at_the_end_are_passed_over() -> None:
    assert decode(MAGIC + framed(msgspec.msgpack.encode([7, 5, "more"])))[0] == [Epoch(5)]


def test_a_record_that_is_too_large_is_refused() -> None:
    with pytest.raises(JournalError) as caught:
        encode([Failed(0, Fault.SYSTEM, "x" * MAX_PAYLOAD_BYTES)])
    assert str(caught.value) == (
        "the journal 'journal' cannot hold a record of 65551 bytes; the most is 65536, so shorten its texts"
    )


def test_a_text_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(JournalError, match="the journal 'journal' cannot hold a record of Failed: .*surrogates"):
        encode([Failed(0, Fault.SYSTEM, "\udcff")])


def test_what_the_records_add_up_to() -> None:
    state = replay(ALL)
    assert (state.job, state.epoch, state.destination, state.finished) == (JOB, 2, b"/srv/drop", 2.5)
    assert state.files == {
        1: FileState(1, True, 9, 4, b"new", {2: b"y"}, failed=FAILED),
        2: FileState(0, True, 0, 1, b""),
    }
    assert state.find(0) == FileState(1, landing=LANDING, landed=LANDED)
    assert list(state.landings()) == [(0, LANDING, LANDED)]
    assert [state.next_generation(file) for file in (0, 1, 2, 3)] == [2, 2, 1, 0]


def file_of(*records: Record) -> FileState | None:
    return replay(records).find(0)


OPEN = FileState(1, True, 2500, 1000, b"inode 7", {0: CHUNKS[0].digest})
NEWER = Opened(0, 2, 3000, 1000, b"inode 8")
OTHER = Opened(0, 1, 2500, 1000, b"of another process")
OTHER_OPEN = FileState(1, True, 2500, 1000, b"of another process")
OPEN_AGAIN = FileState(2, True, 3000, 1000, b"inode 8")
LAST = FileState(landing=LANDING, landed=LANDED)
FAULT = Failed(0, Fault.SPACE, "the disk is full")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((OPENED, CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[0], OPENED), OPEN),
        ((OPENED, CHUNKS[1], OTHER), OTHER_OPEN),
        ((OPENED, CHUNKS[1], Opened(0, 1, None, 1000, b"inode 7"), OPENED, CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[1], Opened(0, 1, 2500, 500, b"inode 7"), OPENED, CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[1], Dropped(0, 1), CHUNKS[2], OPENED, CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[1], LANDING, LANDED, CHUNKS[2], OPENED, CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[0], Opened(0, 0, 1, 1, b"older")), OPEN),
        ((OPENED, CHUNKS[0], Dropped(0, 0)), OPEN),
        ((OPENED, CHUNKS[0], Chunk(0, 0, 1, b"older")), OPEN),
        ((OPENED, CHUNKS[0], Chunk(0, 2, 1, b"of what is not open yet")), OPEN),
        ((OPENED, Chunk(0, 1, 0, b"first"), CHUNKS[0]), OPEN),
        ((OPENED, CHUNKS[0], NEWER), OPEN_AGAIN),
        ((OPENED, CHUNKS[0], NEWER, CHUNKS[1]), OPEN_AGAIN),
        ((OPENED, CHUNKS[0], LANDING, LANDED, NEWER), OPEN_AGAIN),
        ((OPENED, FAULT, NEWER), OPEN_AGAIN),
        ((OPENED, CHUNKS[0], LANDING, Dropped(0, 1)), FileState(1, False, 2500, 1000, b"inode 7")),
        ((OPENED, CHUNKS[0], Dropped(0, 1), CHUNKS[1]), FileState(1, False, 2500, 1000, b"inode 7")),
        ((OPENED, Dropped(0, 1), NEWER), OPEN_AGAIN),
        ((Dropped(0, 2), OPENED, CHUNKS[0]), FileState(2)),
        ((LANDING, LANDED), LAST),
        ((LANDING, LANDED, Dropped(0, 3), FAULT), FileState(3, landing=LANDING, landed=LANDED)),
        ((FAULT, LANDING, LANDED), LAST),
        ((LANDING,), FileState(landing=LANDING)),
        ((FAULT,), FileState(failed=FAULT)),
    ],
)
def test_the_course_of_one_file(records: tuple[Record, ...], expected: FileState) -> None:
    assert file_of(*records) == expected


def test_a_chunk_of_a_file_that_was_never_opened_makes_nothing() -> None:
    assert replay([CHUNKS[0]]) == JobState()


def test_the_first_job_and_the_highest_epoch_count() -> None:
    other = Job(b"other", b"", "blake3", 0.0, "")
    state = replay([JOB, other, Epoch(3), Epoch(2)])
    assert (state.job, state.epoch) == (JOB, 3)


def test_every_record_twice_is_as_good_as_once() -> None:
    assert replay([record for record in ALL for _ in range(2)]) == replay(ALL)


SMALL = st.integers(0, 3)
DIGESTS = st.binary(min_size=1, max_size=2)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(Opened, SMALL, SMALL, st.none() | SMALL, SMALL, DIGESTS),
    st.builds(Chunk, SMALL, SMALL, SMALL, DIGESTS),
    st.builds(Dropped, SMALL, SMALL),
    st.builds(Landing, SMALL, SMALL, SMALL, DIGESTS, SMALL, st.tuples(DIGESTS)),
    st.builds(Landed, SMALL, st.tuples(DIGESTS), st.integers(-(2**63), 2**63 - 1)),
    st.builds(Failed, SMALL, st.sampled_from(Fault), st.text(max_size=3)),
    st.builds(Epoch, st.integers(0, 2**64 - 1)),
)


@given(st.lists(RECORDS))
def test_whatever_was_written_comes_back(records: list[Record]) -> None:
    data = MAGIC + encode(records)
    assert decode(data) == (records, len(data))
    assert restore(data) == (replay(records), len(data))


@given(st.lists(RECORDS))
def test_a_chunk_counts_only_if_it_was_written_for_the_open_generation(records: list[Record]) -> None:
    for file, known in replay(records).files.items():
        written = {(one.number, one.digest) for one in records if isinstance(one, Chunk)
                   and (one.file, one.generation) == (file, known.generation)}  # fmt: skip
        assert set(known.chunks.items()) <= written
        assert known.is_open or not known.chunks
        dropped = max((one.generation for one in records if isinstance(one, Dropped) and one.file == file), default=-1)
        assert not known.is_open or known.generation >= dropped
