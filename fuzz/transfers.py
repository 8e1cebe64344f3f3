"""Targets for what a transfer reads from its peer: control frames, pages of a manifest, heads of chunks, bundles."""

from __future__ import annotations

import re

import msgspec

from fuzz.engine import Target
from landline.transfer import manifest, wire
from landline.transfer.faults import Fault
from landline.transfer.manifest import Entry, Kind

KEY = bytes(32)
ENTRIES = [
    Entry(Kind.FILE, (b"folder", b"file.txt"), 5, 0o600, 1_700_000_000_000_000_000, bytes(16)),
    Entry(Kind.FOLDER, (b"folder",), 0, 0o755),
    Entry(Kind.LINK, (b"link\xff",), 0, 0o777, 0, b"", b"../elsewhere"),
    Entry(Kind.FILE, (b"-",), None),
]
MESSAGES: list[wire.Message] = [
    wire.Hello("send", "drop", (1, 1), ["blake3"], ["token"], bytes(16)),
    wire.Offer(bytes(16), bytes(32), "label", 3, 10**9),
    wire.Accept(1, "sha256", 4, bytes(32)),
    wire.Page(0, ENTRIES, True),
    wire.Have(1, 0, 2, bytes(64)),
    wire.Plan(0, 4, [1], [wire.Trouble(2, Fault.EXISTS, "there is one")]),
    wire.Landed([wire.LandedFile(1, bytes(32), (b"other",))]),
    wire.Failed(1, Fault.SPACE, "full"),
    wire.Progress(1, 2, 3, 4),
    wire.Bye(None, ""),
    wire.Join(bytes(16), 1, 2, bytes(32)),
]


def read_frames(data: bytes) -> str:
    """Control frames are the same however the stream is cut, and nothing beyond the bound is held."""
    whole, split = _outcome(data, len(data) or 1), _outcome(data, 1)
    assert whole == split
    kinds = {type(message).__name__ for message in whole[0]}
    for message in whole[0]:
        again = list(wire.FrameReader(wire.MAX_CONTROL_BYTES).feed(wire.encode(message)))
        assert again == [message]
    return f"{sorted(kinds)} {re.sub('[0-9]+|[(].*', '', whole[1])}"


def _outcome(data: bytes, step: int) -> tuple[list[wire.Message], str]:
    reader = wire.FrameReader()
    found: list[wire.Message] = []
    try:
        for start in range(0, len(data), step):
            for message in reader.feed(data[start : start + step]):
                found.append(message)
            assert reader.held <= reader.max_bytes + wire.HEADER.size
    except wire.WireError as error:
        return found, str(error)
    return found, ""


def read_manifest(data: bytes) -> str:
    """A page is entries with sound values, or refused."""
    try:
        page = wire.decode_body(0x13, data)
    except wire.WireError:
        return "refused"
    assert isinstance(page, wire.Page)
    for entry in page.entries:
        size, chunk = entry.size, entry.chunk_bytes
        assert manifest.LEAST_CHUNK <= chunk <= manifest.MOST_CHUNK
        if size:
            count = manifest.chunk_count(size, chunk)
            assert manifest.chunk_length(size, chunk, count - 1) + (count - 1) * chunk == size
    return f"{[entry.kind for entry in page.entries][:4]}"


def read_chunk(data: bytes) -> str:
    """The head of a chunk or of a bundle never says more than its frame holds."""
    length, tagged = int.from_bytes(data[:4]), len(data) % 2 == 0
    body = data[4:]
    try:
        if tagged and len(body) >= wire.DATA_PREFIX.size:
            head = wire.data_head(length, body[: wire.DATA_PREFIX.size], False)
            assert head.length <= min(length, manifest.MOST_CHUNK)
            assert wire.data_head(length, head.encode(False)[8:], False) == head
            return "chunk"
        size = wire.bundle_table_bytes(length, body[:8].ljust(8, b"\0"), False)
        rows = wire.bundle_rows(length, body[8 : 8 + size].ljust(size, b"\0"), None)
        assert sum(row.size for row in rows) <= min(length, manifest.BUNDLE_BYTES)
        return "bundle"
    except wire.WireError as error:
        return re.sub("[0-9]+", "", str(error))


def _bundle() -> bytes:
    rows = [wire.BundledFile(3, 0, 5, bytes(32)), wire.BundledFile(4, 1, 0, bytes(32))]
    frame = wire.encode_bundle(rows, None)
    return frame[4:8] + frame[8:] + b"hello"


TARGETS = [
    Target("frames", [*map(wire.encode, MESSAGES), b"".join(map(wire.encode, MESSAGES))], read_frames),
    Target("manifest", [msgspec.msgpack.encode(wire.Page(0, [entry])) for entry in ENTRIES], read_manifest),
    Target("chunks", [wire.DataHead(1, 0, 2, 300).encode(False)[4:], _bundle(), _bundle() + b"!"], read_chunk),
]
