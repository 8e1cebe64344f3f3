"""The receiver's book: every step of a chunk, every lie of a sender."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from landline.transfer.ledger import MOST_STEPS, MOST_STREAM_CHUNKS, File, Ledger, Phase, Step, Verdict
from landline.transfer.manifest import LEAST_CHUNK, OPEN_ENTRIES, Entry, Kind, digest_of, root_of
from landline.transfer.wire import BundledFile, DataHead, FileEnd, WireError

CHUNK = LEAST_CHUNK
BIG = 2 * CHUNK + 5
ONE, TWO, THREE = b"1" * 32, b"2" * 32, b"3" * 32


def a_file(size: int | None = BIG, name: bytes = b"big") -> Entry:
    """An entry for a file."""
    return Entry(Kind.FILE, (name,), size, source=b"s" * 16)


def opened(*entries: Entry, last: bool = True) -> tuple[Ledger, list[File]]:
    """A ledger with entries that may be sent."""
    ledger = Ledger()
    files = ledger.list(0, entries, last)
    for file in files:
        ledger.open(file, {})
    return ledger, files


def take(ledger: Ledger, file: File, chunk: int, length: int = CHUNK) -> Verdict:
    """Judge a chunk that comes."""
    return ledger.judge(DataHead(file.index, file.entry.generation, chunk, length))[0]


def fill(ledger: Ledger, file: File, digests: list[bytes], lengths: list[int]) -> None:
    """Let all chunks of a file come."""
    for chunk, (digest, length) in enumerate(zip(digests, lengths, strict=True)):
        assert take(ledger, file, chunk, length) is Verdict.TAKE
        ledger.verify(file, file.entry.generation, chunk, digest)


def test_a_file_comes_and_lands() -> None:
    ledger, (file,) = opened(a_file())
    assert file.name == "big"
    assert take(ledger, file, 1) is Verdict.TAKE
    assert take(ledger, file, 1) is Verdict.THROW, "it is coming already"
    assert not ledger.verify(file, 0, 1, TWO)
    assert ledger.verified_bytes == CHUNK
    fill_rest = ((0, CHUNK, ONE), (2, 5, THREE))
    for chunk, length, digest in fill_rest:
        assert take(ledger, file, chunk, length) is Verdict.TAKE
        assert not ledger.verify(file, 0, chunk, digest)
    ledger.endure(file, 0, 1, TWO)
    ledger.endure(file, 0, 1, TWO)
    ledger.endure(file, 0, 0, TWO)
    assert (file.steps[0], file.steps[1]) == (Step.VERIFIED, Step.DURABLE)
    assert ledger.durable_bytes == file.durable_bytes == CHUNK
    root = root_of(BIG, CHUNK, [ONE, TWO, THREE], "sha256")
    assert ledger.finish(FileEnd(0, 0, BIG, root)) is file
    assert not ledger.waits_for_landing_only
    assert ledger.close(file, "sha256")
    assert ledger.waits_for_landing_only
    assert take(ledger, file, 0) is Verdict.THROW, "it is whole"
    assert ledger.finish(FileEnd(0, 0, BIG, root)) is None
    assert ledger.settle(file, landed=True)
    assert not ledger.settle(file, landed=True)
    assert ledger.settled
    assert (ledger.verified_bytes, ledger.durable_bytes) == (BIG, BIG)
    assert take(ledger, file, 0) is Verdict.THROW
    assert ledger.finish(FileEnd(0, 0, BIG, root)) is None
    assert ledger.change(0, a_file()) is None
    assert not ledger.verify(file, 0, 0, ONE)


def test_the_end_may_come_before_the_last_chunk() -> None:
    ledger, (file,) = opened(a_file(CHUNK))
    root = root_of(CHUNK, CHUNK, [ONE], "sha256")
    assert ledger.finish(FileEnd(0, 0, CHUNK, root)) is None
    take(ledger, file, 0)
    assert ledger.verify(file, 0, 0, ONE)
    assert file.end is not None


def test_a_wrong_root_is_told() -> None:
    ledger, (file,) = opened(a_file(CHUNK))
    fill(ledger, file, [ONE], [CHUNK])
    assert ledger.finish(FileEnd(0, 0, CHUNK, TWO)) is file
    assert not ledger.close(file, "sha256")
    assert ledger.settle(file, landed=False)
    assert ledger.verified_bytes == 0


def test_a_bundled_file_needs_no_end() -> None:
    ledger, (small, empty) = opened(a_file(3, b"small"), a_file(0, b"empty"))
    for file, size in ((small, 3), (empty, 0)):
        row = BundledFile(file.index, 0, size, digest_of(b"abc"[:size], "sha256"))
        assert ledger.judge_row(row) == (Verdict.TAKE, file)
        assert ledger.verify(file, 0, 0, row.digest)
        assert ledger.close(file, "sha256")
    assert empty.root("sha256") == root_of(0, CHUNK, [], "sha256")
    assert ledger.judge_row(BundledFile(0, 0, 3, ONE))[0] is Verdict.THROW
    ledger.settle(small, landed=True)
    assert ledger.judge_row(BundledFile(0, 0, 3, ONE)) == (Verdict.THROW, None)


def test_damage_is_counted() -> None:
    ledger, (file, empty) = opened(a_file(), a_file(0, b"empty"))
    for strike in (1, 2, 3):
        take(ledger, file, 0)
        assert ledger.strike(file, 0, 0) == strike
        assert file.steps[0] == Step.MISSING
    assert ledger.strike(empty, 0, 0) == 1
    ledger.settle(file, landed=False)
    assert ledger.strike(file, 0, 0) == 0


def test_a_verified_chunk_may_come_again_and_then_counts_no_more() -> None:
    ledger, (file,) = opened(a_file())
    take(ledger, file, 0)
    ledger.verify(file, 0, 0, ONE)
    ledger.endure(file, 0, 0, ONE)
    assert take(ledger, file, 0) is Verdict.TAKE
    assert (ledger.verified_bytes, ledger.durable_bytes, file.verified_bytes) == (0, 0, 0)
    ledger.endure(file, 0, 0, ONE)
    assert file.steps[0] == Step.COMING
    assert ledger.lose(file, 0, 0)
    assert ledger.lose(file, 0, 0), "twice does no harm"


def test_what_an_earlier_epoch_has_left_is_there() -> None:
    ledger = Ledger()
    (file,) = ledger.list(0, [a_file()], True)
    ledger.open(file, {0: ONE, 2: THREE})
    assert list(file.steps) == [Step.DURABLE, Step.MISSING, Step.DURABLE]
    assert ledger.durable_bytes == CHUNK + 5


def test_a_file_that_is_there_is_compared() -> None:
    ledger = Ledger()
    (file,) = ledger.list(0, [a_file(CHUNK)], True)
    ledger.compare(file, [ONE])
    assert file.phase is Phase.COMPARED
    assert ledger.judge(DataHead(0, 0, 0, CHUNK)) == (Verdict.DIFFERS, file)
    assert ledger.finish(FileEnd(0, 0, CHUNK, root_of(CHUNK, CHUNK, [ONE], "sha256"))) is file
    assert ledger.close(file, "sha256")


def test_a_compared_small_file_waits_for_its_end() -> None:
    ledger = Ledger()
    (file,) = ledger.list(0, [a_file(3)], True)
    ledger.compare(file, [ONE])
    assert not ledger.is_complete(file)


def test_a_stream_grows() -> None:
    ledger, (file,) = opened(a_file(None))
    fill(ledger, file, [ONE, TWO], [CHUNK, 7])
    assert file.size == CHUNK + 7
    assert file.tail == (1, 7)
    root = root_of(CHUNK + 7, CHUNK, [ONE, TWO], "sha256")
    assert ledger.finish(FileEnd(0, 0, CHUNK + 7, root)) is file
    assert ledger.close(file, "sha256")
    ledger.settle(file, landed=True)
    assert ledger.durable_bytes == CHUNK + 7


def test_the_end_of_a_stream_waits_for_its_chunks() -> None:
    ledger, (file,) = opened(a_file(None))
    assert ledger.finish(FileEnd(0, 0, CHUNK + 7, ONE)) is None
    take(ledger, file, 0)
    assert not ledger.verify(file, 0, 0, ONE)
    take(ledger, file, 1, 7)
    assert not ledger.is_complete(file), "it is coming"
    assert ledger.verify(file, 0, 1, TWO)


def test_a_stream_goes_on_where_it_was() -> None:
    ledger = Ledger()
    (file,) = ledger.list(0, [a_file(None)], True)
    file.tail = (1, 7)
    ledger.open(file, {0: ONE, 1: TWO})
    assert file.verified_bytes == CHUNK + 7


@pytest.mark.parametrize("end", [CHUNK, CHUNK - 1, CHUNK * (MOST_STREAM_CHUNKS + 1)])
def test_a_stream_that_ends_elsewhere(end: int) -> None:
    ledger, (file,) = opened(a_file(None))
    fill(ledger, file, [ONE, TWO] if end != CHUNK - 1 else [ONE], [CHUNK, 7] if end != CHUNK - 1 else [CHUNK])
    with pytest.raises(WireError, match="of the stream 0"):
        ledger.finish(FileEnd(0, 0, end, ONE))


@pytest.mark.parametrize(("chunk", "length"), [(3, CHUNK), (2, 0), (2, CHUNK + 1), (0, 5), (2, 1)])
def test_chunks_that_a_stream_cannot_have(chunk: int, length: int) -> None:
    ledger, (file,) = opened(a_file(None))
    fill(ledger, file, [ONE, TWO], [CHUNK, 7])
    with pytest.raises(WireError, match=f"a chunk {chunk} of {length} bytes of the stream"):
        take(ledger, file, chunk, length)


def test_a_file_that_changed_begins_anew() -> None:
    ledger, (file,) = opened(a_file())
    take(ledger, file, 0)
    ledger.verify(file, 0, 0, ONE)
    newer = Entry(Kind.FILE, (b"big",), 9, generation=1)
    changed = ledger.change(0, newer)
    assert changed is not None
    old, new = changed
    assert (old, new.entry, new.phase) == (file, newer, Phase.LISTED)
    assert ledger.verified_bytes == 0
    ledger.open(new, {})
    assert take(ledger, file, 1) is Verdict.THROW, "data of the old one"
    assert not ledger.verify(file, 0, 0, ONE)
    assert not ledger.lose(file, 0, 0)
    assert ledger.finish(FileEnd(0, 0, BIG, ONE)) is None


def test_a_change_that_comes_too_late_is_passed_over() -> None:
    ledger, (file,) = opened(a_file(3))
    ledger.judge_row(BundledFile(0, 0, 3, ONE))
    ledger.verify(file, 0, 0, ONE)
    ledger.close(file, "sha256")
    assert ledger.change(0, Entry(Kind.FILE, (b"big",), 3, generation=1)) is None


def test_links_wait_for_nothing() -> None:
    ledger = Ledger()
    (link,) = ledger.list(0, [Entry(Kind.LINK, (b"l",), target=b"t")], True)
    ledger.complete(link)
    assert ledger.waits_for_landing_only
    ledger.settle(link, landed=True)
    assert (ledger.settled, ledger.verified_bytes) == (True, 0)


def test_sizes_that_are_only_claimed_are_bounded() -> None:
    ledger, _ = opened(a_file(CHUNK))
    assert ledger.has_room_for(a_file(BIG))
    assert ledger.has_room_for(a_file(None))
    assert not ledger.has_room_for(a_file(64 * 2**20 * MOST_STEPS))


LIES: list[tuple[str, Callable[[Ledger], object]]] = [
    ("begins at entry 5 where 2 must come", lambda ledger: ledger.list(5, [a_file()], True)),
    ("begins at entry 0 where 2 must come", lambda ledger: ledger.list(0, [a_file()], True)),
    ("more than 16384 entries", lambda ledger: ledger.list(2, [a_file()] * OPEN_ENTRIES, True)),
    ("data of entry 7, which", lambda ledger: ledger.judge(DataHead(7, 0, 0, CHUNK))),
    ("data of entry 1 that it may not send", lambda ledger: ledger.judge(DataHead(1, 0, 0, CHUNK))),
    ("data of entry 0 that it may not send", lambda ledger: ledger.judge(DataHead(0, 1, 0, CHUNK))),
    ("a chunk 9 of 4194304 bytes", lambda ledger: ledger.judge(DataHead(0, 0, 9, CHUNK))),
    ("a chunk 0 of 3 bytes", lambda ledger: ledger.judge(DataHead(0, 0, 0, 3))),
    ("in a bundle for entry 0", lambda ledger: ledger.judge_row(BundledFile(0, 0, 3, ONE))),
    ("the end of entry 7", lambda ledger: ledger.finish(FileEnd(7, 0, 0, ONE))),
    ("the end of entry 1 before", lambda ledger: ledger.finish(FileEnd(1, 0, CHUNK, ONE))),
    ("the end of entry 0 before", lambda ledger: ledger.finish(FileEnd(0, 1, BIG, ONE))),
    ("an end at 3 bytes of entry 0", lambda ledger: ledger.finish(FileEnd(0, 0, 3, ONE))),
    ("a change of entry 7", lambda ledger: ledger.change(7, a_file())),
    ("a change of entry 0 to what", lambda ledger: ledger.change(0, a_file())),
    ("a change of entry 0 to what", lambda ledger: ledger.change(0, Entry(Kind.FILE, (b"x",), generation=1))),
    ("a change of entry 0 to what", lambda ledger: ledger.change(0, Entry(Kind.LINK, (b"big",), generation=1))),
    ("a change of entry 1 to what", lambda ledger: ledger.change(1, Entry(Kind.FILE, (b"two",), generation=1))),
]


@pytest.mark.parametrize(("sentence", "lie"), LIES)
def test_lies(sentence: str, lie: Callable[[Ledger], object]) -> None:
    ledger = Ledger()
    first, _ = ledger.list(0, [a_file(), a_file(CHUNK, b"two")], False)
    ledger.open(first, {})
    with pytest.raises(WireError, match=sentence):
        lie(ledger)


def test_no_page_after_the_last_one_and_no_data_for_what_is_no_file() -> None:
    ledger, _ = opened(Entry(Kind.FOLDER, (b"d",)))
    with pytest.raises(WireError, match="a page after the last one"):
        ledger.list(1, [], True)
    with pytest.raises(WireError, match="data of entry 0 that it may not send"):
        ledger.judge(DataHead(0, 0, 0, 1))
    with pytest.raises(WireError, match="an end at 0 bytes of entry 0"):
        ledger.finish(FileEnd(0, 0, 0, ONE))


def test_a_last_chunk_that_did_not_come_may_be_another_the_next_time() -> None:
    ledger, (file,) = opened(a_file(None))
    assert take(ledger, file, 0, 7) is Verdict.TAKE
    assert ledger.lose(file, 0, 0)
    assert take(ledger, file, 0) is Verdict.TAKE
    assert not ledger.verify(file, 0, 0, ONE)
    assert file.verified_bytes == CHUNK
