"""Replies find their requests: in order and by number, whatever was given up in between."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.connection.requests import InOrder, Numbered, Requests, join_number, parse_replies, split_number
from landline.errors import MalformedMessage, UsageError


def test_in_order_the_nth_reply_answers_the_nth_request() -> None:
    requests = InOrder()
    keys = [requests.ask(), requests.ask()]
    assert [requests.wrap(key, b"hi") for key in (*keys, None)] == [b"hi"] * 3
    assert requests.waiting == 2
    assert [requests.match(b"A"), requests.match(b"B")] == [(keys[0], b"A"), (keys[1], b"B")]
    assert (requests.match(b"unasked"), requests.waiting, requests.late_replies) == ((None, b"unasked"), 0, 0)


def test_in_order_a_message_that_is_no_request_takes_a_place() -> None:
    requests = InOrder()
    requests.tell()
    requests.tell(2)
    requests.tell(0)
    key = requests.ask()
    requests.tell()
    matched = [requests.match(b"%d" % number)[0] for number in range(6)]
    assert matched == [None, None, None, key, None, None]


def test_in_order_a_request_given_up_keeps_its_place() -> None:
    requests = InOrder()
    first, second = requests.ask(), requests.ask()
    requests.give_up(first)
    assert requests.waiting == 1
    assert (requests.match(b"late"), requests.late_replies) == ((first, b"late"), 1)
    assert (requests.match(b"wanted"), requests.late_replies) == ((second, b"wanted"), 1)
    requests.give_up(second)
    assert (requests.waiting, requests.late_replies) == (0, 1)


def test_numbered_replies_come_in_any_order() -> None:
    requests = Numbered()
    first, second = requests.ask(), requests.ask()
    requests.tell()
    assert [requests.wrap(key, b"hi") for key in (first, second, None)] == [b"1 hi", b"2 hi", b"0 hi"]
    assert requests.match(b"2 B") == (second, b"B")
    assert requests.match(b"0 push") == (None, b"push")
    assert requests.match(b"1 A") == (first, b"A")
    assert (requests.waiting, requests.late_replies) == (0, 0)


def test_numbered_a_late_reply_and_a_second_one_are_counted() -> None:
    requests = Numbered()
    first, second = requests.ask(), requests.ask()
    requests.give_up(first)
    assert requests.match(b"1 late") == (first, b"late")
    assert requests.match(b"2 once") == (second, b"once")
    assert requests.match(b"2 twice") == (second, b"twice")
    assert (requests.waiting, requests.late_replies) == (0, 2)


def test_numbered_a_number_nobody_asked_with_is_malformed() -> None:
    requests = Numbered()
    requests.ask()
    problem = "malformed message: it answers request 2, and the last request was 1 (starts 32 20 78)"
    with pytest.raises(MalformedMessage, match=re.escape(problem)):
        requests.match(b"2 x")


@pytest.mark.parametrize(
    ("message", "number", "rest"),
    [
        (b"17 hello", 17, b"hello"),
        (b"0 push", 0, b"push"),
        (b"17 ", 17, b""),
        (b"17  two spaces", 17, b" two spaces"),
        (b"999999999999999999 x", 10**18 - 1, b"x"),
        (b"5 \x00\xff\n", 5, b"\x00\xff\n"),
    ],
)
def test_a_number_is_read(message: bytes, number: int, rest: bytes) -> None:
    assert split_number(message) == (number, rest)
    assert join_number(number, rest) == message


NO_NUMBER = "no number of at most 18 digits and a space before it"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", NO_NUMBER),
        (b" hello", NO_NUMBER),
        (b"17", NO_NUMBER),
        (b"hello 17", NO_NUMBER),
        (b"-1 x", NO_NUMBER),
        (b"+1 x", NO_NUMBER),
        (b"1_0 x", NO_NUMBER),
        (b"17\thello", NO_NUMBER),
        ("١٧ x".encode(), NO_NUMBER),
        (b"1000000000000000000 x", NO_NUMBER),
        (b"017 x", "its number 017 begins with a zero"),
        (b"00 x", "its number 00 begins with a zero"),
    ],
)
def test_a_malformed_number(message: bytes, problem: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        split_number(message)
    assert (caught.value.problem, caught.value.offset, caught.value.head) == (problem, None, message[:16])
    assert str(caught.value).endswith("; check that both sides use the same numbering of requests")


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_malformed(message: bytes) -> None:
    try:
        number, rest = split_number(message)
    except MalformedMessage:
        return
    assert join_number(number, rest) == message


@given(st.lists(st.sampled_from(["ask", "tell", "give up"])), st.sampled_from(["in_order", "numbered"]), st.randoms())
def test_what_is_answered_is_the_answer_to_the_right_one(verbs: list[str], replies: str, random: Random) -> None:
    requests: Requests = parse_replies(replies)()
    travelling: list[tuple[int | None, bytes]] = []
    wanted: list[int] = []
    for number, verb in enumerate(verbs):
        if verb == "give up":
            if wanted:
                requests.give_up(wanted.pop(0))
            continue
        key = requests.ask() if verb == "ask" else None
        if key is None:
            requests.tell()
        travelling.append((key, requests.wrap(key, b"%d" % number)))
        wanted += [key] if key is not None else []
    assert requests.waiting == len(wanted)
    if replies == "numbered":
        random.shuffle(travelling)
    assert [requests.match(message)[0] for _, message in travelling] == [key for key, _ in travelling]
    assert requests.waiting == 0
    assert requests.late_replies == sum(1 for key, _ in travelling if key is not None) - len(wanted)


def test_a_way_that_does_not_exist() -> None:
    with pytest.raises(UsageError) as caught:
        parse_replies("by_colour")
    assert str(caught.value) == "replies cannot be 'by_colour'; it must be 'in_order' or 'numbered'"
