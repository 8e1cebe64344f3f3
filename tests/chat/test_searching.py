"""What goes into the index of a search, and what a person's words ask of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat.searching import EVERY_ROOM, indexed_body, indexed_place, match_expression

EVERYWHERE = '("rooms")'
TEA = "x746561"


@pytest.mark.parametrize(
    ("room", "words"), [("tea", f"{EVERY_ROOM} {TEA}"), ("@a,b", "x40612c62"), ("Ü #1", f"{EVERY_ROOM} xc39c202331")]
)
def test_a_room_is_a_word_of_its_own(room: str, words: str) -> None:
    assert indexed_place(room) == words


@pytest.mark.parametrize(
    ("body", "indexed"),
    [
        ("plain text", "plain text"),
        ("Grüße", "Grüße"),
        ("会议at 5", " 会  议 at 5"),
        ("カ", " カ "),
        ("한국어", "한국어"),
    ],
)
def test_characters_of_scripts_without_spaces_are_words(body: str, indexed: str) -> None:
    assert indexed_body(body) == indexed


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("tea", '"tea"*'),
        ("te", '"te"'),
        ("  two\twords ", '"two" AND "words"*'),
        ('say "hello', '"say" AND """hello"*'),
        ("tea* OR NEAR(a)", '"tea*" AND "OR" AND "NEAR(a)"*'),
        ("body:tea", '"body:tea"*'),
        ("-tea ^cup", '"-tea" AND "^cup"*'),
        ("nul\0inside", '"nul" AND "inside"*'),
        ("party \U0001f389 !!", '"party"*'),
        ("会议", '"会  议"'),
        ("don't", '"don\'t"*'),
    ],
)
def test_the_words_of_a_person_are_no_operators(query: str, body: str) -> None:
    assert match_expression(query, None) == f"place : {EVERYWHERE} AND body : ({body})"


@pytest.mark.parametrize(
    ("rooms", "also", "place"),
    [
        (None, (), EVERYWHERE),
        (None, ("@a,b",), '("rooms" OR "x40612c62")'),
        (("tea",), (), f'("{TEA}")'),
        (("tea", "@a,b"), ("other",), f'("{TEA}" OR "x40612c62")'),
    ],
)
def test_where_to_look_is_asked_of_the_index(rooms: tuple[str, ...] | None, also: tuple[str, ...], place: str) -> None:
    assert match_expression("word", rooms, also) == f'place : {place} AND body : ("word"*)'


@pytest.mark.parametrize("query", ["", "  ", "!!! ?", "\0", "\U0001f389", '"', "*"])
def test_no_word_is_no_question(query: str) -> None:
    assert match_expression(query, None) is None


def test_no_room_is_no_question() -> None:
    assert match_expression("word", ()) is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_is_asked_the_index_understands(query: str, room: str) -> None:
    expression = match_expression(query, None, (room,))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE search USING fts5(place, body, content='', columnsize=0)")
        if expression is not None:
            connection.execute("SELECT rowid FROM search WHERE search MATCH ?", (expression,)).fetchall()
