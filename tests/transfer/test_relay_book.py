"""Who waits at which number of a relay."""

from __future__ import annotations

import pytest

from landline.transfer.relay_book import (
    JOINS_A_MINUTE,
    MISSES_A_MINUTE,
    MOST_NUMBERS_A_PEER,
    MOST_WAITING_CALLS,
    Book,
    Call,
    Claim,
)
from landline.transfer.relay_wire import ANY_NUMBER, MOST_NUMBER, Code

KEY, OTHER_KEY = b"k" * 16, b"o" * 16


def book_of(drawn: int = 500, max_pairs: int = 100) -> Book[str]:
    return Book(lambda: drawn, max_pairs)


def claimed(book: Book[str], number: int = 4821, host: str = "host", group: str | None = "there") -> Claim[str]:
    outcome = book.claim(number, KEY, group, host)
    assert not isinstance(outcome, Code)
    return outcome[0]


def called(book: Book[str], number: int = 4821, now: float = 0.0) -> Call[str]:
    call = book.join(number, "here", "caller", now)
    assert isinstance(call, Call)
    return call


def test_a_number_is_taken_called_accepted_and_hung_up() -> None:
    book = book_of()
    claim = claimed(book)
    call = called(book)
    assert (claim.number, claim.waiting, book.pairs) == (4821, 1, 1)
    assert book.accept(4821, call.identity, KEY) is call
    assert (claim.waiting, book.pairs) == (0, 1)
    assert book.accept(4821, call.identity, KEY) == Code.GONE
    book.hang_up(call)
    assert book.pairs == 0


def test_the_relay_chooses_what_is_free() -> None:
    book = book_of(drawn=MOST_NUMBER)
    assert claimed(book, ANY_NUMBER).number == MOST_NUMBER
    assert claimed(book, ANY_NUMBER).number == 1
    assert claimed(book, ANY_NUMBER).number == 2


def test_no_number_is_left() -> None:
    book = book_of()
    for number in range(1, MOST_NUMBER + 1):
        claimed(book, number, group=None)
    assert book.claim(ANY_NUMBER, KEY, None, "late") == Code.FULL


def test_a_taken_number_needs_its_key() -> None:
    book = book_of()
    claim = claimed(book)
    assert book.claim(4821, OTHER_KEY, "elsewhere", "thief") == Code.TAKEN
    assert book.claim(4821, KEY, "elsewhere", "again") == (claim, "host")
    assert claim.host == "again"


def test_who_was_replaced_frees_nothing() -> None:
    book = book_of()
    claim = claimed(book)
    call = called(book)
    book.claim(4821, KEY, None, "again")
    assert book.release(claim, "host") == []
    assert book.accept(4821, call.identity, KEY) is call
    assert book.release(claim, "again") == []
    assert book.join(4821, None, "caller", 0.0) == Code.NOBODY
    assert book.release(claim, "again") == []


def test_a_host_that_leaves_loses_the_calls_that_wait_for_it() -> None:
    book = book_of()
    claim = claimed(book)
    other = called(book, claimed(book, 7, "other", None).number)
    lost = [called(book), called(book)]
    assert book.waiting(claim) == lost
    assert book.release(claim, "host") == lost
    for call in lost:
        book.hang_up(call)
    assert book.pairs == 1
    again = claimed(book)
    assert book.accept(again.number, lost[0].identity, KEY) == Code.GONE
    assert book.accept(7, other.identity, KEY) is other
    assert book.release(other.claim, "other") == []


def test_only_its_host_takes_a_call() -> None:
    book = book_of()
    claimed(book)
    claimed(book, 7, "other", None)
    call = called(book)
    assert book.accept(4821, call.identity, OTHER_KEY) == Code.WRONG_KEY
    assert book.accept(99, call.identity, KEY) == Code.WRONG_KEY
    assert book.accept(7, call.identity, KEY) == Code.GONE
    assert book.accept(4821, call.identity, KEY) is call


def test_numbers_of_one_peer_are_counted_until_they_are_free() -> None:
    book = book_of()
    claims = [claimed(book, ANY_NUMBER) for _ in range(MOST_NUMBERS_A_PEER)]
    assert book.claim(ANY_NUMBER, KEY, "there", "one more") == Code.FULL
    claimed(book, ANY_NUMBER, group="elsewhere")
    for claim in claims:
        book.release(claim, "host")
    assert len([claimed(book, ANY_NUMBER) for _ in range(MOST_NUMBERS_A_PEER)]) == MOST_NUMBERS_A_PEER


def test_calls_of_one_number_are_limited() -> None:
    book = book_of()
    claimed(book)
    for _ in range(JOINS_A_MINUTE):
        book.hang_up(called(book))
    assert book.join(4821, "here", "caller", 0.0) == Code.TOO_OFTEN
    book.hang_up(called(book, now=2.0))


def test_searching_for_numbers_is_limited_for_each_peer() -> None:
    book = book_of()
    tried = [book.join(number, "here", "caller", 0.0) for number in range(1, MISSES_A_MINUTE + 2)]
    assert tried == [Code.NOBODY] * MISSES_A_MINUTE + [Code.TOO_OFTEN]
    assert book.join(1, "elsewhere", "caller", 0.0) == Code.NOBODY
    assert [book.join(1, None, "caller", 0.0) for _ in range(100)] == [Code.NOBODY] * 100
    claimed(book)
    book.hang_up(called(book))


@pytest.mark.parametrize(("max_pairs", "room"), [(3, 3), (100, MOST_WAITING_CALLS)])
def test_pairs_and_waiting_calls_are_bounded(max_pairs: int, room: int) -> None:
    book = book_of(max_pairs=max_pairs)
    claimed(book)
    calls = [called(book) for _ in range(room)]
    assert book.join(4821, "here", "caller", 0.0) == Code.FULL
    book.hang_up(calls[0])
    called(book)


def test_calls_are_counted_round() -> None:
    book = book_of()
    claimed(book)
    book._last_call = 0xFFFFFFFE
    assert [called(book).identity for _ in range(2)] == [0xFFFFFFFF, 1]
