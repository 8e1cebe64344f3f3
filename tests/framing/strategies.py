"""What Hypothesis draws for framings: legal configurations, messages they accept, noise, limits and cuts."""

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import strategies as st

from landline.errors import UnframableMessage
from landline.framing import Cobs, Delimited, Fixed, Framing, Length, Lines, Netstring, Slip, Varint
from landline.framing.length import FIELDS
from landline.limits import Limits
from landline.testing import decode, own_bytes

MANY_BYTES = 700
"""Long enough for two full COBS blocks and two bytes of varint."""


def _legal_length(field: str, offset: int, adjustment: int, header_included: bool) -> Length:
    least = -FIELDS[field].most
    return Length(field, offset, max(adjustment, least), header_included)


LINES = st.builds(Lines, st.booleans())
# Few different bytes, so that delimiters overlap themselves and nearly appear in messages.
DELIMITED = st.builds(
    Delimited, st.text("ab", min_size=1, max_size=5).map(str.encode) | st.binary(min_size=1, max_size=64)
)
LENGTH = st.builds(
    _legal_length,
    st.sampled_from(sorted(FIELDS)),
    st.integers(0, 9) | st.just(4096),
    st.integers(-12, 12) | st.integers(-(2**64), 600),
    st.booleans(),
)
VARINT = st.builds(Varint)
NETSTRING = st.builds(Netstring)
FIXED = st.builds(Fixed, st.integers(1, 9) | st.integers(1, MANY_BYTES))
SLIP = st.builds(Slip)
COBS = st.builds(Cobs)

# Bytes that mean something to one of the framings come up often.
_PIECES = st.sampled_from(
    [b"\n", b"\r", b"a", b"b", b"\0", b"\x01", b"\xff", b"\xc0", b"\xdb", b"\xdc", b"\xdd", b"0:,"]
)
_BYTES = (
    st.binary(max_size=20)
    | st.lists(_PIECES, max_size=20).map(b"".join)
    | st.builds(lambda byte, count: bytes((byte,)) * count, st.integers(0, 255), st.integers(0, MANY_BYTES))
)


@dataclass(frozen=True)
class Conversation:
    """Messages that the framing accepts, the least limits that let them pass, and where the stream is cut."""

    framing: Framing
    messages: list[bytes]
    limits: Limits
    cuts: list[int]


@dataclass(frozen=True)
class Noise:
    """Bytes that may be anything, cut in two ways."""

    framing: Framing
    wire: bytes
    limits: Limits
    cuts: list[int]
    other_cuts: list[int]


@st.composite
def conversations(draw: st.DrawFn, framings: st.SearchStrategy[Framing]) -> Conversation:
    framing = draw(framings)
    messages = draw(st.lists(_BYTES, max_size=12).map(lambda drawn: _accepted(framing, drawn)))
    if messages:
        messages += [messages[-1]] * draw(st.integers(0, 12))
    limits = Limits(max_message_bytes=max(_least_limit(framing), *map(len, messages), 1, 1))
    return Conversation(framing, messages, limits, draw(_cuts(len(framing.encode_all(messages)))))


@st.composite
def noise(draw: st.DrawFn, framings: st.SearchStrategy[Framing]) -> Noise:
    framing = draw(framings)
    sound = framing.encode_all(_accepted(framing, draw(st.lists(_BYTES, max_size=6))))
    wire = draw(st.sampled_from([sound, b""])) + draw(_BYTES) + draw(_BYTES)
    limits = Limits(max_message_bytes=max(draw(st.integers(1, 40) | st.integers(1, MANY_BYTES)), _least_limit(framing)))
    return Noise(framing, wire, limits, draw(_cuts(len(wire))), draw(_cuts(len(wire))))


def check_conversation(case: Conversation) -> None:
    """Out and in again: what `encode` accepts comes back, one by one or all at once, at any cut."""
    wire = case.framing.encode_all(case.messages)
    assert wire == b"".join(map(case.framing.encode, case.messages))
    found = decode(case.framing, wire, case.cuts, case.limits)
    assert (found.messages, found.sentence) == (case.messages, "")
    _check_held(case.framing, case.limits, found.most_held)


def check_noise(case: Noise) -> None:
    """Any bytes at all: two ways to cut them give the same messages and the same sentence."""
    found = decode(case.framing, case.wire, case.cuts, case.limits)
    other = decode(case.framing, case.wire, case.other_cuts, case.limits)
    assert (found.messages, found.sentence) == (other.messages, other.sentence)
    assert all(len(message) <= case.limits.max_message_bytes for message in found.messages)
    _check_held(case.framing, case.limits, max(found.most_held, other.most_held))


def _check_held(framing: Framing, limits: Limits, held: int) -> None:
    own = own_bytes(framing, limits)
    assert own is not None
    assert held <= limits.max_message_bytes + own


def _cuts(size: int) -> st.SearchStrategy[list[int]]:
    anywhere = st.lists(st.integers(0, size), max_size=30).map(sorted)
    return st.just([]) | st.just(list(range(1, size))) | anywhere


def _least_limit(framing: Framing) -> int:
    match framing:
        case Fixed(size):
            return size
        case Length():
            return max(framing.adjustment, 0) + (framing.header_bytes if framing.header_included else 0)
        case _:
            return 1


def _accepted(framing: Framing, drawn: Iterable[bytes]) -> list[bytes]:
    """Those of the drawn messages that the framing can carry, bent into shape first where hardly one would fit."""
    return [message for body in drawn if _can_encode(framing, message := _shaped(framing, body))]


def _shaped(framing: Framing, body: bytes) -> bytes:
    match framing:
        case Fixed(size):
            return body[:size].ljust(size, b"\xc0")
        case Length(header_included=True):
            number = len(body) - framing.adjustment
            field = FIELDS[framing.field]
            head = (body * framing.offset)[: framing.offset].ljust(framing.offset, b"h")
            return head + field.write(min(max(number, 0), field.most)) + body
        case _:
            return body


def _can_encode(framing: Framing, message: bytes) -> bool:
    try:
        framing.encode(message)
    except UnframableMessage:
        return False
    return True
