"""Decoding one message at a time gives what decoding all at once gives, and stops where it says it does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from landline.connection.stepping import Stepper
from landline.errors import FramingError, MalformedMessage
from landline.framing import Framing, parse
from landline.limits import Limits
from landline.testing import decode
from tests.framing.strategies import (
    COBS,
    DELIMITED,
    FIXED,
    LENGTH,
    LINES,
    NETSTRING,
    SLIP,
    VARINT,
    Conversation,
    Noise,
    conversations,
    noise,
)

FRAMINGS = LINES | DELIMITED | LENGTH | VARINT | NETSTRING | FIXED | SLIP | COBS


def stepped(framing: Framing, wire: bytes, cuts: list[int], limits: Limits) -> tuple[list[bytes], str]:
    """All messages of a stream, one step after the other, and the sentence of the error at its end."""
    decoder = framing.decoder(limits)
    stepper = Stepper(decoder)
    messages: list[bytes] = []
    try:
        for start, end in pairwise([0, *cuts, len(wire)]):
            stepper.put(wire[start:end])
            while (message := stepper.next()) is not None:
                messages.append(message)
            assert stepper.unread == 0
        decoder.eof()
    except FramingError as error:
        return messages, str(error)
    return messages, ""


@given(case=conversations(FRAMINGS))
def test_the_same_messages_as_all_at_once(case: Conversation) -> None:
    wire = case.framing.encode_all(case.messages)
    assert stepped(case.framing, wire, case.cuts, case.limits) == (case.messages, "")


@given(case=noise(FRAMINGS))
def test_the_same_messages_and_error_of_any_bytes(case: Noise) -> None:
    found = decode(case.framing, case.wire, limits=case.limits)
    assert stepped(case.framing, case.wire, case.cuts, case.limits) == (found.messages, found.sentence)


def test_raw_takes_what_is_there() -> None:
    stepper = Stepper(parse("raw").decoder())
    stepper.put(b"as it ")
    stepper.put(b"comes")
    assert stepper.next() == b"as it comes"
    assert stepper.next() is None


def test_raw_takes_no_more_than_a_message_may_have() -> None:
    stepper = Stepper(parse("raw").decoder(Limits(max_message_bytes=4)))
    stepper.put(b"abcdefghi")
    assert [stepper.next(), stepper.next(), stepper.next(), stepper.next()] == [b"abcd", b"efgh", b"i", None]


def test_what_follows_a_message_is_not_touched() -> None:
    stepper = Stepper(parse("lines").decoder())
    stepper.put(b"switch\n\x00\x02hi")
    assert (stepper.next(), stepper.unread) == (b"switch", 4)
    stepper.switch(parse("length:u16be").decoder())
    assert (stepper.next(), stepper.next(), stepper.unread) == (b"hi", None, 0)


@pytest.mark.parametrize("pieces", [[b"one\n\x00\x03t"], [b"one\n\x00", b"\x03", b"t"]])
def test_a_switch_inside_a_message_begins_it_anew(pieces: list[bytes]) -> None:
    stepper = Stepper(parse("lines").decoder())
    found = []
    for piece in pieces:
        stepper.put(piece)
        while (message := stepper.next()) is not None:
            found.append(message)
    assert (found, stepper.unread) == ([b"one"], 0)
    stepper.switch(parse("length:u16be").decoder())
    assert stepper.unread == 3
    stepper.put(b"wo!")
    assert (stepper.next(), stepper.next(), stepper.unread) == (b"two", None, 0)


def test_the_rest_is_all_behind_the_last_message() -> None:
    stepper = Stepper(parse("lines").decoder())
    stepper.put(b"one\ntwo\nthr")
    assert stepper.next() == b"one"
    assert stepper.take_rest() == b"two\nthr"
    assert (stepper.unread, stepper.next(), stepper.take_rest()) == (0, None, b"")
    stepper = Stepper(parse("lines").decoder())
    stepper.put(b"one\ntw")
    assert (stepper.next(), stepper.next()) == (b"one", None)
    assert stepper.take_rest() == b"tw"


def test_an_error_comes_behind_the_messages_before_it() -> None:
    stepper = Stepper(parse("netstring").decoder())
    stepper.put(b"1:a,junk")
    assert stepper.next() == b"a"
    for _ in range(2):
        with pytest.raises(MalformedMessage):
            stepper.next()
