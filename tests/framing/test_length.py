"""Length: every field, its extremes, offset, adjustment, header included, and runs of one size."""

import pickle
from collections.abc import Callable

import pytest
from hypothesis import given

from landline.errors import FramingSpecError, MessageTooLarge, TruncatedMessage, UnframableMessage
from landline.framing import Length
from landline.framing.length import FIELDS, RUN_WORTH_TRYING
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost, decode
from tests.framing.strategies import LENGTH, Conversation, Noise, check_conversation, check_noise, conversations, noise

TWENTY = Limits(max_message_bytes=20)

# Framing, bytes on the wire in hex, messages.
ON_THE_WIRE = {
    "nothing": (Length("u8"), "", []),
    "u8": (Length("u8"), "03 616263 00 01 64", [b"abc", b"", b"d"]),
    "u16be": (Length("u16be"), "0003 616263 0000", [b"abc", b""]),
    "u16le": (Length("u16le"), "0300 616263 0000", [b"abc", b""]),
    "u24be": (Length("u24be"), "000003 616263 000000", [b"abc", b""]),
    "u32be": (Length("u32be"), "00000003 616263 00000000", [b"abc", b""]),
    "u32le": (Length("u32le"), "03000000 616263 00000000", [b"abc", b""]),
    "u64be": (Length("u64be"), "0000000000000003 616263 0000000000000000", [b"abc", b""]),
    "offset": (Length("u16be", offset=3), "aabbcc 0002 6162 ddeeff 0000", [b"ab", b""]),
    "offset, header included": (
        Length("u8", offset=2, header_included=True),
        "cafe 02 6162 beef 00",
        [b"\xca\xfe\x02ab", b"\xbe\xef\x00"],
    ),
    "header included": (Length("u16be", header_included=True), "0001 61 0000", [b"\0\x01a", b"\0\0"]),
    "length counts the header": (Length("u16be", adjustment=-2), "0005 616263 0002", [b"abc", b""]),
    "length counts the header, which is included": (
        Length("u16be", offset=1, adjustment=-3, header_included=True),
        "ff 0004 61 ee 0003",
        [b"\xff\0\x04a", b"\xee\0\x03"],
    ),
    "length leaves a trailer out": (Length("u8", adjustment=2), "01 61 7878 00 7979", [b"axx", b"yy"]),
    "a field at the limit": (Length("u8"), "14" + "61" * 20, [b"a" * 20]),
    "header included at the limit": (Length("u8", header_included=True), "13" + "61" * 19, [b"\x13" + b"a" * 19]),
    "longest adjustment": (Length("u8", adjustment=-255), "ff ff", [b"", b""]),
}


@pytest.mark.parametrize("case", ON_THE_WIRE)
def test_length(case: str) -> None:
    framing, wire, messages = ON_THE_WIRE[case]
    check_decode(framing, bytes.fromhex(wire), messages, limits=TWENTY)


@pytest.mark.parametrize("case", [name for name, (framing, _, _) in ON_THE_WIRE.items() if framing.header_included])
def test_a_header_that_is_included_is_written_as_it_is(case: str) -> None:
    framing, wire, messages = ON_THE_WIRE[case]
    assert framing.encode_all(messages) == bytes.fromhex(wire)
    check_framing(framing, messages, TWENTY)


@pytest.mark.parametrize(
    ("framing", "message", "wire"),
    [
        (Length("u8"), b"", "00"),
        (Length("u16be"), b"ab", "0002 6162"),
        (Length("u16le"), b"ab", "0200 6162"),
        (Length("u24be"), b"ab", "000002 6162"),
        (Length("u32be"), b"ab", "00000002 6162"),
        (Length("u32le"), b"ab", "02000000 6162"),
        (Length("u64be"), b"ab", "0000000000000002 6162"),
        (Length("u8", offset=1), b"ab", "00 02 6162"),
        (Length("u8", offset=2), b"ab", "0000 02 6162"),
        (Length("u8", adjustment=1), b"ab", "01 6162"),
        (Length("u8", adjustment=-1), b"ab", "03 6162"),
        (Length("u8", adjustment=2), b"ab", "00 6162"),
    ],
)
def test_length_written(framing: Length, message: bytes, wire: str) -> None:
    assert framing.encode(message) == bytes.fromhex(wire)
    check_framing(framing, [message], TWENTY)
    check_framing(framing, [message, message + b"x", message], TWENTY)
    check_framing(framing, [message] * 20, TWENTY)


@pytest.mark.parametrize("framing", [Length("u24be"), Length("u8", 3, 5), Length("u16le", 1, header_included=True)])
def test_a_copy_writes_the_same(framing: Length) -> None:
    again = pickle.loads(pickle.dumps(framing))
    message = framing.encode(b"\0\x02\0ab")
    assert again.encode(b"\0\x02\0ab") == message


@pytest.mark.parametrize("field", ["u8", "u16be", "u16le", "u24be"])
def test_the_longest_message_a_field_can_say(field: str) -> None:
    most = FIELDS[field].most
    limits = Limits(max_message_bytes=most)
    framing = Length(field)
    for size in (most - 1, most):
        found = decode(framing, framing.encode(b"x" * size), range(0, 9), limits)
        assert [len(message) for message in found.messages] == [size]
        assert found.sentence == ""
    with pytest.raises(UnframableMessage) as caught:
        framing.encode(b"x" * (most + 1))
    problem = f"it has {most + 1} bytes; 0 to {most} can be said"
    assert str(caught.value) == f"framing 'length:{field}' cannot carry this message: {problem}"


RAISE_IT = "; raise max_message_bytes to accept it"


@pytest.mark.parametrize(
    ("framing", "wire", "messages", "error"),
    [
        (Length("u8"), "15 61", [], "message at offset 0 has 21 bytes, over the limit of 20 (starts 15)"),
        (Length("u8"), "ff", [], "message at offset 0 has 255 bytes, over the limit of 20 (starts ff)"),
        (Length("u8"), "01 61 15", [b"a"], "message at offset 2 has 21 bytes, over the limit of 20 (starts 15)"),
        (Length("u16le"), "ffff", [], "message at offset 0 has 65535 bytes, over the limit of 20 (starts ff ff)"),
        (
            Length("u24be"),
            "ffffff",
            [],
            "message at offset 0 has 16777215 bytes, over the limit of 20 (starts ff ff ff)",
        ),
        (
            Length("u32be"),
            "47455420",  # what a browser sends: "GET "
            [],
            "message at offset 0 has 1195725856 bytes, over the limit of 20 (starts 47 45 54 20)",
        ),
        (
            Length("u64be"),
            "ff" * 8,
            [],
            "message at offset 0 has 18446744073709551615 bytes, over the limit of 20 (starts ff ff ff ff ff ff ff ff)",
        ),
        (
            Length("u8", offset=20),
            "aa" * 20 + "15",
            [],
            "message at offset 0 has 21 bytes, over the limit of 20 (starts" + " aa" * 16 + ")",
        ),
        (
            Length("u8", header_included=True),
            "14",
            [],
            "message at offset 0 has 21 bytes, over the limit of 20 (starts 14)",
        ),
        (Length("u8", adjustment=2), "13", [], "message at offset 0 has 21 bytes, over the limit of 20 (starts 13)"),
    ],
)
def test_a_length_over_the_limit(framing: Length, wire: str, messages: list[bytes], error: str) -> None:
    check_decode(framing, bytes.fromhex(wire), messages, error + RAISE_IT, TWENTY)


def test_a_small_limit_shows_a_small_head() -> None:
    error = "message at offset 0 has 65535 bytes, over the limit of 1 (starts ff)"
    check_decode(Length("u16be"), b"\xff\xff", [], error + RAISE_IT, Limits(max_message_bytes=1))


@pytest.mark.parametrize(
    ("wire", "messages", "error"),
    [
        ("0001", [], "0: the length field says 1, less than nothing with adjustment -2 (starts 00 01)"),
        ("0003 61 0000", [b"a"], "3: the length field says 0, less than nothing with adjustment -2 (starts 00 00)"),
    ],
)
def test_a_length_below_nothing(wire: str, messages: list[bytes], error: str) -> None:
    error = f"malformed message at offset {error}; check that both sides use the same framing"
    check_decode(Length("u16be", adjustment=-2), bytes.fromhex(wire), messages, error, TWENTY)


@pytest.mark.parametrize(
    ("framing", "wire", "messages", "have"),
    [
        (Length("u32be"), "0000", [], "0: 2 bytes and no end of message came (starts 00 00)"),
        (Length("u32be"), "00000002", [], "0: 4 of 6 bytes came (starts 00 00 00 02)"),
        (Length("u8"), "01 61 05 6263", [b"a"], "2: 3 of 6 bytes came (starts 05 62 63)"),
        (Length("u8", offset=2, adjustment=-1), "aabb 03 61", [], "0: 4 of 5 bytes came (starts aa bb 03 61)"),
        (Length("u8", header_included=True), "03 61", [], "0: 2 of 4 bytes came (starts 03 61)"),
    ],
)
def test_a_stream_that_ends_inside(framing: Length, wire: str, messages: list[bytes], have: str) -> None:
    error = f"the stream ended inside the message at offset {have}; the peer left too early or uses another framing"
    check_decode(framing, bytes.fromhex(wire), messages, error, TWENTY)


def test_errors_have_fields() -> None:
    found = decode(Length("u8"), b"\x01a\xff", limits=TWENTY).error
    assert isinstance(found, MessageTooLarge)
    assert (found.size, found.limit, found.offset, found.head, found.exact) == (255, 20, 2, b"\xff", True)
    found = decode(Length("u8"), b"\x01a\x05b").error
    assert isinstance(found, TruncatedMessage)
    assert (found.have, found.need, found.offset, found.head) == (2, 6, 2, b"\x05b")


# A read full of messages of one size is taken in one step. These runs hold, break off, or only look like one.

RUN = 3 * RUN_WORTH_TRYING
RUNS = {
    "whole": [b"abcd"] * RUN,
    "too short to try": [b"abcd"] * (RUN_WORTH_TRYING + 1),
    "just long enough": [b"abcd"] * (RUN_WORTH_TRYING + 2),
    "of empty messages": [b""] * RUN,
    "of single bytes": [b"\x01"] * RUN,
    "breaks off at its end": [b"abcd"] * RUN + [b"abc"],
    "breaks off in the middle": [b"abcd"] * RUN + [b"abcde"] + [b"abcd"] * RUN,
    "breaks off at its second message": [b"abcd"] * 2 + [b"x"] + [b"abcd"] * RUN,
    "begins late": [b"a", b"bc", b"def"] + [b"abcd"] * RUN,
    "of another size behind it": [b"abcd"] * RUN + [b"abcdef"] * RUN,
    "bodies that look like headers": [b"\0\0\0\x04"] * RUN,
    "a stride later the same byte, by chance": [b"abcd"] * RUN + [b"ab", b"\0\0\x04\0\0\0\x04abcd", b"abcd"],
    "of long messages": [b"x" * 300] * RUN,
    # Only the length field tells these from a run: every other column at that stride is zero.
    "sizes that make up for each other": [bytes(4)] * 3 + [bytes(3), bytes(5)] * RUN + [bytes(4)] * RUN,
    # The byte where the next lengths would be is the same at every stride, but not the one before.
    "another size whose body shows it again": [b"abcd"] * 2 + [b"bbbb\x0ebbbb\x0ebbbb"] * RUN,
}


@pytest.mark.parametrize("case", RUNS)
@pytest.mark.parametrize(
    "framing",
    [Length("u8"), Length("u16be"), Length("u16le"), Length("u24be"), Length("u32be"), Length("u32le"), Length("u64be")]
    + [Length("u8", offset=3), Length("u32be", offset=2, adjustment=-6), Length("u16le", offset=1, adjustment=7)],
    ids=str,
)
def test_runs_of_one_size(framing: Length, case: str) -> None:
    least, most = max(framing.adjustment, 0), FIELDS[framing.field].most + framing.adjustment
    messages = [message.ljust(least, b"-")[:most] for message in RUNS[case]]
    check_framing(framing, messages, Limits(max_message_bytes=300))


@pytest.mark.parametrize("column", range(4))
def test_a_run_ends_where_one_byte_of_a_length_differs(column: int) -> None:
    """The length field is compared byte by byte: each byte of it must be able to end a run."""
    size = 4 + (1 << 8 * (3 - column))
    framing = Length("u32be")
    messages = [b"abcd"] * RUN + [b"x" * size] + [b"abcd"] * RUN
    limits = Limits(max_message_bytes=2**25)
    wire = framing.encode_all(messages)
    for cuts in ([], [5], [8 * RUN + 2], [8 * RUN + 4 + size + 3]):
        assert decode(framing, wire, cuts, limits).messages == messages


def test_bytes_beside_the_length_do_not_end_a_run() -> None:
    framing = Length("u8", offset=2)
    wire = b"".join(bytes((number, 255 - number, 1, number)) for number in range(100))
    check_decode(framing, wire, [bytes((number,)) for number in range(100)])


def test_a_run_with_its_headers() -> None:
    framing = Length("u16be", offset=1, header_included=True)
    messages = [bytes((number, 0, 2)) + b"ab" for number in range(RUN)]
    check_framing(framing, messages)
    check_framing(framing, [*messages, b"x\0\x01a", *messages])


def test_a_run_stops_at_a_message_that_is_cut() -> None:
    framing = Length("u8")
    decoder = framing.decoder()
    wire = framing.encode(b"abcd") * RUN
    for have in range(1, 5):
        assert decoder.feed(wire + wire[:have]) == [b"abcd"] * RUN
        assert decoder.held == have
        assert decoder.feed(wire[have:5]) == [b"abcd"]


@pytest.mark.parametrize("bad", ["ff", "00"])
def test_a_fault_behind_a_run(bad: str) -> None:
    framing = Length("u8", adjustment=-1)
    wire = framing.encode(b"abcd") * RUN + bytes.fromhex(bad)
    offset = 5 * RUN
    error = {
        "ff": f"message at offset {offset} has 254 bytes, over the limit of 20 (starts ff){RAISE_IT}",
        "00": f"malformed message at offset {offset}: the length field says 0, less than nothing with adjustment -1"
        " (starts 00); check that both sides use the same framing",
    }
    check_decode(framing, wire, [b"abcd"] * RUN, error[bad], TWENTY)


# Configuration.


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Length("u12"),
            "framing 'length:u12': the length field 'u12' is not one of u8, u16be, u16le, u24be, u32be, u32le, u64be",
        ),
        (lambda: Length("u8", offset=-1), "framing 'length:u8,offset=-1': offset -1 is not from 0 to 4096"),
        (lambda: Length("u8", offset=4097), "framing 'length:u8,offset=4097': offset 4097 is not from 0 to 4096"),
        (
            lambda: Length("u8", adjustment=-256),
            "framing 'length:u8,adjustment=-256': adjustment -256 leaves no length, as u8 holds at most 255",
        ),
        (
            lambda: Length("u8", adjustment=2**40 + 1),
            "framing 'length:u8,adjustment=1099511627777': adjustment 1099511627777 is over 1099511627776",
        ),
        (
            lambda: Length("u8", adjustment=21).decoder(TWENTY),
            "framing 'length:u8,adjustment=21': the least message has 21 bytes and max_message_bytes is 20",
        ),
        (
            lambda: Length("u8", 20, header_included=True).decoder(TWENTY),
            "framing 'length:u8,offset=20,header=included': the least message has 21 bytes and max_message_bytes is 20",
        ),
        (
            lambda: Length("u8", 19, -9, header_included=True).decoder(Limits(max_message_bytes=19)),
            "framing 'length:u8,offset=19,adjustment=-9,header=included': "
            "the least message has 20 bytes and max_message_bytes is 19",
        ),
    ],
)
def test_configurations_that_cannot_be(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(FramingSpecError) as caught:
        make()
    assert str(caught.value) == sentence


def test_configurations_at_the_edge() -> None:
    assert Length("u64be", offset=4096, adjustment=-(2**64 - 1)).header_bytes == 4104
    assert Length("u8", adjustment=2**40).decoder(Limits(max_message_bytes=2**40)).held == 0
    assert Length("u8", adjustment=20).decoder(TWENTY).feed(b"\0" + b"x" * 20) == [b"x" * 20]
    included = Length("u8", 19, header_included=True)
    assert included.decoder(TWENTY).feed(bytes(20)) == [bytes(20)]


@pytest.mark.parametrize(
    ("framing", "message", "problem"),
    [
        (Length("u8", adjustment=-2), b"x" * 254, "it has 254 bytes; 0 to 253 can be said"),
        (Length("u8", adjustment=2), b"x", "it has 1 bytes; 2 to 257 can be said"),
        (Length("u32be", header_included=True), b"\0\0\0", "it has 3 bytes and its header alone takes 4"),
        (Length("u8", header_included=True), b"\x05abc", "its length field says 6 bytes and it has 4"),
        (Length("u8", 1, 1, True), b"?\x01ab3", "its length field says 4 bytes and it has 5"),
    ],
)
def test_messages_that_cannot_be_written(framing: Length, message: bytes, problem: str) -> None:
    calls: list[Callable[[], bytes]] = [lambda: framing.encode(message), lambda: framing.encode_all([message, message])]
    for call in calls:
        with pytest.raises(UnframableMessage) as caught:
            call()
        assert str(caught.value) == f"framing '{framing}' cannot carry this message: {problem}"


@pytest.mark.parametrize(
    "framing", [Length("u32be"), Length("u32le", offset=9), Length("u32be", adjustment=-4)], ids=str
)
@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(framing: Length, piece_bytes: int) -> None:
    check_linear_cost(framing, b"x" * 2**16, piece_bytes)


@given(conversations(LENGTH))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(LENGTH))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)
