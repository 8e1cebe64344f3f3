"""What a word that is typed may become, and who is meant."""

from __future__ import annotations

import pytest

from landline.chat.completing import complete, mentions
from landline.chat.notices import Members, Person, Place, Presence, RoomList
from landline.chat.view import View
from tests.chat.said import ANNA, BOB, TALK, come_in, message, welcome


@pytest.fixture
def view() -> View:
    view = View(("lobby", "lounge"))
    come_in(view)
    view.handle(welcome([Place(TALK, 1, peer=ANNA)], rooms=["lobby", "help"]))
    view.watch("lobby")
    view.handle(Presence(room="lobby", count=4, came=[BOB, Person("ÄNNE", "Änne"), Person("~me", "me")]))
    view.handle(Presence(room="lounge", count=1, came=[Person("~zoe", "zoe")]))
    view.handle(message(1, sender=BOB))
    view.handle(message(2, sender=Person("~bea", "bea")))
    view.handle(RoomList(rooms=[Place("garden"), Place("lobby")]))
    view.handle(Members(room=None, members=[Person("~carl", "carl")], count=1))
    return view


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b", ["bea: ", "bob: "]),
        ("hi b", ["bea ", "bob "]),
        ("hi @b", ["@bea ", "@bob "]),
        ("@z", ["@zoe "]),
        ("än", ["Änne: "]),
        ("m", []),
        ("ca", ["carl: "]),
        ("/jo", ["/join "]),
        ("/JO", ["/join "]),
        ("/un", ["/unbot ", "/unban ", "/unmute "]),
        ("/he", ["/help "]),
        ("//jo", []),
        ("//b b", ["bea ", "bob "]),
        ("/join l", ["lobby ", "lounge "]),
        ("/join ", ["lobby ", "lounge ", "garden ", "help "]),
        ("/join lobby l", []),
        ("/who gar", ["garden "]),
        ("/join #gar", ["#garden "]),
        ("/kick #lo", ["#lobby ", "#lounge "]),
        ("/kick #lobby b", ["bea ", "bob "]),
        ("/kick b", ["bea ", "bob "]),
        ("/kick bob b", []),
        ("/msg a", ["anna "]),
        ("/msg anna b", ["bea ", "bob "]),
        ("/help jo", ["join "]),
        ("/help /jo", ["join "]),
        ("/rooms l", []),
        ("see #gar", ["#garden "]),
    ],
)
def test_the_word_before_the_cursor_is_completed(view: View, text: str, found: list[str]) -> None:
    assert complete(text, len(text), view) == found
    assert complete(text + " tail", len(text), view) == found


def test_in_a_conversation_the_other_one_comes_first(view: View) -> None:
    view.watch(TALK)
    assert complete("", 0, view)[0] == "anna: "
    view.watch(None)
    assert complete("z", 1, view) == ["zoe: "]


@pytest.mark.parametrize(
    ("body", "nick", "meant"),
    [
        ("anna", "anna", True),
        ("hello Anna!", "anna", True),
        ("@anna: look", "ANNA", True),
        ("ask anna.", "anna", True),
        ("(anna)", "anna", True),
        ("anna's", "anna", True),
        ("joanna", "anna", False),
        ("annabel", "anna", False),
        ("anna-lena", "anna", False),
        ("anna.b here", "anna", False),
        ("x.anna", "anna", False),
        ("A\u0308nne kommt", "änne", True),
        ("STRASSE", "straße", True),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("anything", "", False),
        ("", "anna", False),
    ],
)
def test_a_name_is_meant_as_a_whole_word(body: str, nick: str, meant: bool) -> None:
    assert mentions(body, nick) is meant
