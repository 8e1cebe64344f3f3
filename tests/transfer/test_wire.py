"""The frames of a transfer, as bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.transfers import MESSAGES
from landline.transfer import wire
from landline.transfer.faults import Fault
from landline.transfer.manifest import BUNDLED_BYTES, MOST_CHUNK, Entry, Kind
from landline.transfer.wire import BundledFile, DataHead, FrameReader, WireError

KEY = b"k" * 32


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_encoded_is_read_back(message: wire.Message) -> None:
    frame = wire.encode(message)
    assert list(FrameReader().feed(frame)) == [message]
    assert frame[0] == wire.NUMBERS[type(message)]
    assert int.from_bytes(frame[4:8]) == len(frame) - 8


def test_the_bytes_of_a_frame_are_those_of_the_page() -> None:
    assert wire.encode(wire.Nak(1, 0, 7)) == bytes.fromhex("18010000 0000001a") + msgspec.msgpack.encode(
        {"file": 1, "generation": 0, "chunk": 7}
    )
    assert wire.encode(wire.Ping())[:2] == bytes.fromhex("1e00")


@given(st.lists(st.integers(1, 50), max_size=20))
def test_frames_survive_any_cut(cuts: list[int]) -> None:
    stream = b"".join(map(wire.encode, MESSAGES))
    found: list[wire.Message] = []
    reader, at = FrameReader(), 0
    for size in [*cuts, len(stream)]:
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == MESSAGES
    assert reader.held == 0


def test_what_follows_the_last_frame_is_kept_for_others() -> None:
    reader = FrameReader()
    feed = reader.feed(wire.encode(wire.Ping()) + b"rest")
    assert next(feed) == wire.Ping()
    assert reader.take_rest() == b"rest"
    assert reader.held == 0


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (wire.HEADER.pack(0x7F, wire.MUST, 0, 0), "a frame of type 0x7f that must be understood"),
        (wire.HEADER.pack(0x1E, 0, 0, 4097), "a control frame of 4097 bytes where 4096 are the most"),
        (wire.HEADER.pack(0x1E, 0, 0, 1) + b"\xc1", "a Ping frame that is none"),
        (wire.HEADER.pack(0x18, 1, 0, 1) + b"\x80", "a Nak frame that is none"),
        (wire.encode(wire.Have(1, 0, 2, b"short")), "5 bytes of digests for 2 chunks"),
    ],
)
def test_a_wrong_frame_is_refused(frame: bytes, sentence: str) -> None:
    with pytest.raises(WireError) as error:
        list(FrameReader().feed(frame))
    assert str(error.value).startswith(f"the other side does not speak the transfer protocol: {sentence}")


@pytest.mark.parametrize("value", [-1, 2**32, "1", None, 1.5])
def test_a_value_out_of_its_range_is_refused(value: object) -> None:
    with pytest.raises(WireError):
        wire.decode_body(0x18, msgspec.msgpack.encode({"file": value, "generation": 0, "chunk": 0}))


@pytest.mark.parametrize(
    "entry",
    [
        [9, [b"a"], 1],
        [0, [b"a"] * 257, 1],
        [0, [b"a" * 4097], 1],
        [0, [b"a"], -1],
        [0, [b"a"], 2**61],
        [0, [b"a"], 1, 0o10000],
        [0, ["text"], 1],
        [0, [b"a"], 1, 0, 0, b"x" * 17],
    ],
)
def test_an_entry_out_of_its_bounds_is_refused(entry: list[object]) -> None:
    with pytest.raises(WireError):
        wire.decode_body(0x13, msgspec.msgpack.encode({"first": 0, "entries": [entry]}))


def test_an_unknown_frame_that_may_be_skipped_is_skipped() -> None:
    stream = wire.HEADER.pack(0x7F, 0, 0, 3) + b"new" + wire.encode(wire.Ping())
    assert list(FrameReader().feed(stream)) == [wire.Ping()]


def test_unknown_fields_are_skipped() -> None:
    body = msgspec.msgpack.encode({"file": 1, "fault": "space", "news": [1, 2]})
    assert wire.decode_body(0x1B, body) == wire.Failed(1, Fault.SPACE)


def test_a_frame_that_nobody_would_take_is_not_made() -> None:
    page = wire.Page(0, [Entry(Kind.FILE, (b"x" * 4096,))] * 4096)
    with pytest.raises(WireError, match="is over 1048576"):
        wire.encode(page)


@pytest.mark.parametrize("tagged", [False, True])
def test_the_head_of_a_chunk(tagged: bool) -> None:
    head = DataHead(3, 1, 9, 1000)
    frame = head.encode(tagged)
    number, flags, _, length = wire.HEADER.unpack(frame[:8])
    assert (number, flags, length) == (wire.DATA, wire.MUST, 16 + 1000 + 32 + (32 if tagged else 0))
    assert wire.data_head(length, frame[8:], tagged) == head


@pytest.mark.parametrize("length", [0, 15, 1047, 1049, 2**32 - 1])
def test_a_chunk_must_fill_its_frame(length: int) -> None:
    prefix = DataHead(3, 1, 9, 1000).encode(False)[8:]
    with pytest.raises(WireError, match="a chunk of 1000 bytes in a frame of"):
        wire.data_head(length, prefix, False)


def test_a_chunk_is_no_larger_than_the_largest() -> None:
    prefix = DataHead(3, 1, 9, MOST_CHUNK + 1).encode(False)[8:]
    with pytest.raises(WireError):
        wire.data_head(16 + MOST_CHUNK + 1 + 32, prefix, False)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_bundle(key: bytes | None) -> None:
    rows = [BundledFile(3, 0, 5, b"d" * 32), BundledFile(4, 1, 0, b"e" * 32)]
    frame = wire.encode_bundle(rows, key)
    _, _, _, length = wire.HEADER.unpack(frame[:8])
    size = wire.bundle_table_bytes(length, frame[8:16], key is not None)
    assert len(frame) == 16 + size
    assert wire.bundle_rows(length, frame[16:], key) == rows


def test_a_bundle_with_a_wrong_tag_is_refused() -> None:
    frame = bytearray(wire.encode_bundle([BundledFile(3, 0, 5, b"d" * 32)], KEY))
    frame[20] ^= 1
    with pytest.raises(WireError, match="tag does not match"):
        wire.bundle_rows(len(frame) - 8 + 5, frame[16:], KEY)


@pytest.mark.parametrize(("count", "length"), [(0, 100), (1025, 10**6), (2, 8 + 95), (2**32 - 1, 10**6)])
def test_a_bundle_with_an_impossible_count_is_refused(count: int, length: int) -> None:
    with pytest.raises(WireError, match=f"a bundle of {count} files"):
        wire.bundle_table_bytes(length, wire.BUNDLE_PREFIX.pack(count, 0), False)


@pytest.mark.parametrize("sizes", [[BUNDLED_BYTES + 1], [BUNDLED_BYTES] * 17])
def test_a_bundle_with_too_much_in_it_is_refused(sizes: list[int]) -> None:
    rows = [BundledFile(number, 0, size, bytes(32)) for number, size in enumerate(sizes)]
    frame = wire.encode_bundle(rows, None)
    _, _, _, length = wire.HEADER.unpack(frame[:8])
    with pytest.raises(WireError, match="that is no small one"):
        wire.bundle_rows(length, frame[16:], None)


def test_a_bundle_must_fill_its_frame() -> None:
    frame = wire.encode_bundle([BundledFile(3, 0, 5, bytes(32))], None)
    with pytest.raises(WireError, match="a bundle of 5 bytes in a frame of 62"):
        wire.bundle_rows(len(frame) - 8 + 6, frame[16:], None)


def test_a_tag_binds_place_and_content() -> None:
    head, digest = DataHead(1, 0, 2, 3), b"d" * 32
    tag = wire.chunk_tag(KEY, head, digest)
    others = [
        wire.chunk_tag(b"other" * 6 + b"ab", head, digest),
        wire.chunk_tag(KEY, DataHead(1, 0, 3, 3), digest),
        wire.chunk_tag(KEY, DataHead(2, 0, 2, 3), digest),
        wire.chunk_tag(KEY, DataHead(1, 1, 2, 3), digest),
        wire.chunk_tag(KEY, head, b"e" * 32),
    ]
    assert len({tag, *others}) == 6


def test_the_proof_of_a_join_binds_all_of_it() -> None:
    proofs = {
        wire.join_proof(key, transfer, epoch, number)
        for key in (KEY, bytes(32))
        for transfer in (bytes(16), b"t" * 16)
        for epoch in (1, 2)
        for number in (1, 2)
    }
    assert len(proofs) == 16


@pytest.mark.parametrize("theirs", [(1, 1), (1, 9), (0, 1)])
def test_the_highest_common_version_is_spoken(theirs: tuple[int, int]) -> None:
    assert wire.common_version(theirs) == 1


@pytest.mark.parametrize("theirs", [(2, 3), (0, 0)])
def test_without_a_common_version_nobody_speaks(theirs: tuple[int, int]) -> None:
    with pytest.raises(WireError, match=f"it speaks the versions {theirs[0]} to {theirs[1]}, and here are 1 to 1"):
        wire.common_version(theirs)
