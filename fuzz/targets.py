"""What is fuzzed, and what each input may lead to.

An input for a decoder starts with four bytes that choose the configuration, the limit and the cuts; the rest is the
stream. So a file with the input is all it takes to run it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from zlib import crc32

from fuzz import chat, transfers
from fuzz.engine import Target
from landline import address, limits
from landline.errors import AddressError, FramingSpecError, LimitError
from landline.framing import Cobs, Delimited, Fixed, Framing, Length, Lines, Netstring, Raw, Slip, Varint, parse
from landline.limits import Limits
from landline.testing import Decoded, decode, own_bytes
from landline.transfer import records
from landline.transfer.faults import Fault

CHOICES = 4
"""Bytes at the start of an input that choose how the rest is run."""

LIMITS = (1, 2, 7, 20, 254, 255, 700, 2**20)
BODIES = (b"", b"a", b"hello", bytes(20), b"x" * 254, b"\xc0\xdb\xdc\xdd", b"a\rb\n")

LINES = [Lines(), Lines(crlf=True)]
DELIMITED = [Delimited(b"|"), Delimited(b"\r\n"), Delimited(b"aa"), Delimited(b"abab"), Delimited(bytes(64))]
LENGTH = [
    *map(Length, ("u8", "u16be", "u16le", "u24be", "u32be", "u32le", "u64be")),
    Length("u8", offset=3),
    Length("u16be", adjustment=-2),
    Length("u8", adjustment=5),
    Length("u16le", offset=1, adjustment=-3, header_included=True),
    Length("u32be", header_included=True),
]
FIXED = [Fixed(1), Fixed(4), Fixed(20)]


def decoder_target(name: str, framings: Sequence[Framing]) -> Target:
    """A target for a decoder: any stream, at any cut, gives the same messages and the same error."""

    def run(data: bytes) -> str:
        choices, wire = data[:CHOICES].ljust(CHOICES, b"\0"), data[CHOICES:]
        number = choices[0] % len(framings)
        bounds = Limits(max_message_bytes=max(LIMITS[choices[1] % len(LIMITS)], 20))
        if not isinstance(framings[number], Fixed | Length):  # some of which take no smaller limit
            bounds = Limits(max_message_bytes=LIMITS[choices[1] % len(LIMITS)])
        return f"{number} {check_stream(framings[number], wire, bounds, Random(choices))}"

    return Target(name, [seed for number, framing in enumerate(framings) for seed in seeds(number, framing)], run)


def seeds(number: int, framing: Framing) -> list[bytes]:
    """Some sound streams to start from, for the framing with this number."""
    bodies = [_with_header(framing, body) for body in BODIES]
    if isinstance(framing, Fixed):
        bodies = [body[: framing.size].ljust(framing.size) for body in bodies]
    streams = [_encoded(framing, body) for body in bodies]
    start = bytes((number, 7, 0, 0))
    return [start + b"".join(streams), start + streams[1] * 20]


def check_stream(framing: Framing, wire: bytes, bounds: Limits, random: Random) -> str:
    """Decode `wire` whole, byte by byte and at random cuts; return what came of it, without its numbers."""
    found = decode(framing, wire, (), bounds)
    cuts = sorted(random.choices(range(len(wire) + 1), k=random.randint(1, 9)))
    for other in (decode(framing, wire, range(1, len(wire)), bounds), decode(framing, wire, cuts, bounds)):
        if not isinstance(framing, Raw):
            assert (found.messages, found.sentence) == (other.messages, other.sentence)
        assert b"".join(found.messages) == b"".join(other.messages)
        _check_bounds(framing, other, bounds)
    _check_bounds(framing, found, bounds)
    if not isinstance(framing, Raw):
        again = decode(framing, framing.encode_all(found.messages), (), bounds)
        assert (again.messages, again.sentence) == (found.messages, "")
    return f"{min(len(found.messages), 4)} {_without_numbers(found.sentence)}"


def _check_bounds(framing: Framing, found: Decoded, bounds: Limits) -> None:
    assert max(map(len, found.messages), default=0) <= bounds.max_message_bytes
    assert found.most_held <= bounds.max_message_bytes + (own_bytes(framing, bounds) or 0)


def _with_header(framing: Framing, body: bytes) -> bytes:
    if isinstance(framing, Length) and framing.header_included:
        return Length(framing.field, framing.offset, framing.adjustment).encode(body)
    return body


def _encoded(framing: Framing, message: bytes) -> bytes:
    try:
        return framing.encode(message)
    except ValueError:
        return message


def _without_numbers(sentence: str) -> str:
    return re.sub(r"\(starts [0-9a-f ]*\)|0x[0-9a-f]+|[0-9]+", "", sentence)


def text_target(name: str, examples: list[str], run: Callable[[str], str]) -> Target:
    """A target for a parser of text; any bytes become text as those of a command line do."""
    return Target(
        name, [example.encode() for example in examples], lambda data: run(data.decode("utf-8", "surrogateescape"))
    )


def read_address(text: str) -> str:
    try:
        found = address.parse(text)
    except AddressError as error:
        return f"{error.part if error.part[:6] != 'option' else 'option'} {_without_numbers(error.problem)}"
    assert address.parse(str(found)) == found
    assert str(found).isascii()
    return f"{type(found).__name__} {'?' in text} {'[' in text}"


def read_spec(text: str) -> str:
    try:
        found = parse(text)
        assert parse(str(found)) == found
        found.decoder()
    except FramingSpecError as error:
        return _without_numbers(error.problem)[-20:]
    return type(found).__name__


def read_limit(text: str) -> str:
    try:
        name, value = limits.parse_limit(text)
    except LimitError as error:
        return error.name
    assert getattr(Limits(**{name: value}), name) == value
    return name


def read_records(data: bytes) -> str:
    """A file of records: the input as it is, or behind a first byte of 1 payloads that only have to be framed."""
    file = records.MAGIC + b"".join(map(framed, data[1:].split(PAYLOAD_END))) if data[:1] == b"\x01" else data
    try:
        found, good_bytes = records.decode(file)
    except records.JournalError as error:
        return error.problem.partition(" ")[0]
    state = records.replay(found)
    # Compared as texts, because a time that is not a number is not equal to itself.
    again_state, again_bytes = records.restore(file)
    assert (shown(again_state), again_bytes) == (shown(state), good_bytes)
    assert repr(records.decode(file[:good_bytes])) == repr((found, good_bytes))
    known = [record for record in found if not isinstance(record, records.Unknown)]
    again = records.MAGIC + records.encode(known)
    assert repr(records.decode(again)) == repr((known, len(again)))
    assert state.unknown == len(found) - len(known)
    return f"{good_bytes == len(file)} {state.unknown > 0} {sorted({type(record).__name__ for record in known})}"


def shown(state: records.JobState) -> str:
    rest = state.job, state.epoch, state.files, state.destination, state.finished, state.unknown
    return repr((rest, list(state.landed)))


def framed(payload: bytes) -> bytes:
    length = len(payload).to_bytes(4, "big")
    return length + crc32(length + payload).to_bytes(4, "big") + payload


PAYLOAD_END = b"|/|"
JOURNAL: list[records.Record] = [
    records.Job(b"transfer", b"hash", "sha256", 1.5, "holiday"),
    records.Epoch(1),
    records.Opened(0, 1, 9, 4, b"source"),
    records.Chunk(0, 1, 2, b"digest"),
    records.Dropped(0, 1),
    records.Failed(1, Fault.EXISTS, "there is one"),
    records.Landing(0, 65, 4711, b"root", 9, (b"a", b"b")),
    records.Landed(0, (b"a", b"b"), -1),
    records.Destination(b"/srv"),
    records.Finished(2.5),
]
JOURNALS = [
    records.MAGIC + records.encode(JOURNAL),
    records.MAGIC + bytes(100),
    b"\x01" + PAYLOAD_END.join(records.encode([record])[8:] for record in JOURNAL),
    b"\x01\x92\x63\x00",
]

ADDRESSES = [
    "127.0.0.1:8101",
    "tcp://[fe80::1%eth0]:8101?v6only=yes",
    "udp://example.org:53",
    "unix:///run/a%20b.sock?mode=660",
    "unix://@upper",
    "fd://3",
]
SPECS = ["lines:crlf", "delimited:0d0a", "length:u32be,offset=2,adjustment=-4,header=included", "fixed:16", "cobs"]

TARGETS = {
    target.name: target
    for target in [
        decoder_target("lines", LINES),
        decoder_target("delimited", DELIMITED),
        decoder_target("length", LENGTH),
        decoder_target("varint", [Varint()]),
        decoder_target("netstring", [Netstring()]),
        decoder_target("fixed", FIXED),
        decoder_target("slip", [Slip()]),
        decoder_target("cobs", [Cobs()]),
        decoder_target("raw", [Raw()]),
        Target("records", JOURNALS, read_records),
        text_target("address", ADDRESSES, read_address),
        text_target("spec", SPECS, read_spec),
        text_target("limit", ["max_message_bytes=4096", "message_seconds=2.5"], read_limit),
        *transfers.TARGETS,
        *chat.TARGETS,
    ]
}
