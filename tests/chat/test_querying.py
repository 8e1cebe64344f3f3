"""Reading, in every kind of store: pages and searches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from landline.chat.ports import Found, Range, SearchFor, Store
from landline.chat.querying import NO_WORDS
from tests.chat.storecontract import KINDS, applied, found, numbers, opened, post, search


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with opened(request.param) as one:
        yield one


@pytest.mark.parametrize(
    ("query", "seqs", "more"),
    [
        (Range("lobby"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
        (Range("lobby", limit=3), [1, 2, 3], True),
        (Range("lobby", limit=3, newest=True), [8, 9, 10], True),
        (Range("lobby", limit=10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
        (Range("lobby", limit=10, newest=True), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
        (Range("lobby", after=7), [8, 9, 10], False),
        (Range("lobby", after=4, limit=2), [5, 6], True),
        (Range("lobby", before=4), [1, 2, 3], False),
        (Range("lobby", before=8, limit=2, newest=True), [6, 7], True),
        (Range("lobby", after=3, before=8, limit=9), [4, 5, 6, 7], False),
        (Range("lobby", after=3, before=8, limit=2, newest=True), [6, 7], True),
        (Range("lobby", after=10), [], False),
        (Range("lobby", after=99, before=5), [], False),
        (Range("lobby", limit=0), [], True),
        (Range("other"), [1], False),
        (Range("nowhere"), [], False),
    ],
)
def test_a_page_has_what_was_asked_for_oldest_first(store: Store, query: Range, seqs: list[int], more: bool) -> None:
    applied(store, *(post(number) for number in range(10)), post(99, "other"))
    page = found(store, query)
    assert [one.seq for one in page.messages] == seqs
    assert {one.entry.room for one in page.messages} <= {query.room}
    assert (page.more, page.cursor, page.error) == (more, None, "")


TALK = [
    post(1, body="The tea is ready"),
    post(2, "tea", "A teapot, and TEA"),
    post(3, "@ann,bob", "our tea is secret"),
    post(4, "@eve,zoe", "their tea is secret"),
    post(5, body="Café con leche"),
    post(6, body='don\'t "quote" me* on NEAR(this) AND that'),
    post(7, body="明日の会議は三時"),
    post(8, body="nul\0byte, and 42"),
    post(9, body="cafe tea"),
    post(10, body="Straße ΟΔΟΣ Ёж"),
]


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("tea", [9, 2, 1]),
        ("TEA", [9, 2, 1]),
        ("tea ready", [1]),
        ("ready tea", [1]),
        ("rea", [1]),
        ("rea tea", []),
        ("re", []),
        ("teap", [2]),
        ("café", [9, 5]),
        ("cafe\u0301", [9, 5]),
        ("CAFE", [9, 5]),
        ("don't", [6]),
        ('"quote"', [6]),
        ('"', None),
        ("me*", [6]),
        ("near(this)", [6]),
        ("tea NOT ready", []),
        ("tea OR cafe", []),
        ("and", [8, 6, 2]),
        ("body:tea", []),
        ("rooms", []),
        ("x746561", []),
        ("会議", [7]),
        ("会", [7]),
        ("議会", []),
        ("明日 三時", [7]),
        ("nul", [8]),
        ("byte", [8]),
        ("nul\0byte", [8]),
        ("42", [8]),
        ("οδοσ", [10]),
        ("ежик", []),
        ("\U0001f389", None),
        ("tea \U0001f389", [9, 2, 1]),
        ("", None),
        (" \t ", None),
        ("w" * 200, []),
        ("tea " * 50, [9, 2, 1]),
        ("\ud800", None),
    ],
)
def test_a_search_finds_messages_with_all_the_words_newest_first(
    store: Store, query: str, hits: list[int] | None
) -> None:
    applied(store, *TALK)
    if hits is None:
        assert found(store, SearchFor(query)) == Found(error=NO_WORDS)
    else:
        assert search(store, query) == hits


@pytest.mark.parametrize(
    ("rooms", "also", "hits"),
    [
        (None, (), [9, 2, 1]),
        (None, ("@ann,bob",), [9, 3, 2, 1]),
        (("tea",), (), [2]),
        (("@ann,bob",), (), [3]),
        (("@ann,bob", "tea"), (), [3, 2]),
        ((), (), []),
        (("nowhere",), (), []),
        (None, tuple(f"@ann,{number}" for number in range(2000)), [9, 2, 1]),
    ],
    ids=["rooms", "rooms-and-one", "room", "conversation", "two", "none", "unknown", "many"],
)
def test_a_search_looks_only_where_it_may(
    store: Store, rooms: tuple[str, ...] | None, also: tuple[str, ...], hits: list[int]
) -> None:
    applied(store, *TALK)
    assert search(store, "tea", rooms, *also) == hits


def test_a_search_goes_on_behind_its_cursor_while_messages_come(store: Store) -> None:
    applied(store, *(post(number, "tea" if number % 3 else "lobby", "again and again") for number in range(1, 10)))
    seen: list[int] = []
    cursor: int | None = None
    for round_number in range(20, 24):
        page = found(store, SearchFor("again", before=cursor, limit=3))
        seen += numbers(page)
        cursor = page.cursor
        applied(store, post(round_number, body="again"))
        if cursor is None:
            break
    assert seen == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert not page.more


def test_a_page_without_room_for_anything(store: Store) -> None:
    applied(store, post(1, body="tea"))
    page = found(store, SearchFor("tea", limit=0))
    assert (page.messages, page.more, page.cursor) == ([], True, None)
