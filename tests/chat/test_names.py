"""Names: what can be one, what is the same, and what looks the same."""

from __future__ import annotations

import re
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat.names import RESERVED, account_of, clean_nick, clean_room, guest_nick, skeleton
from landline.errors import NameRefused

INVISIBLE = (
    "\x00\t\n\x1b\x7f\x85\x9b\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u2028\u202a\u202b\u202c\u202d\u202e\u2060\u2064\u2066\u2067\u2068\u2069\u206f\u2800\u3000\u3164\ufe0f\ufeff\uffa0"
    "\ufff9\U0001d173\U000e0041\U000e0101\ud800"
)


@pytest.mark.parametrize(
    "nick",
    [
        "anna", "Anna", "a", "x" * 32, "anna-maria", "anna_2", "a.b", "_anna", "2cool", "zo\xeb", "Stra\xdfe",
        "\u042f\u0440\u043e\u0441\u043b\u0430\u0432", "\u0391\u03bb\u03ad\u03be\u03b7", "\u05e9\u05dc\u05d5\u05dd",
        "\u0641\u0627\u0637\u0645\u0629", "\u0639\u0644\u06cc_\u06f1\u06f2", "\u0939\u093f\u0928\u094d\u0926\u0940",
        "\u0e44\u0e17\u0e22", "\u305f\u308d\u3046\u6f22\u5b57", "\uc11c\uc6b8", "\u30ab\u30bf\u30ab\u30ca\u3042",
        "\u6c49\u5b57", "\u3105\u6f22",
    ],
)  # fmt: skip
def test_a_nick_can_be(nick: str) -> None:
    assert clean_nick(nick) == nick


@pytest.mark.parametrize(
    ("nick", "problem"),
    [
        ("", "a name has at least one character"),
        ("x" * 33, "it has 33 characters; the most are 32"),
        ("x" * 1000, "it has 1000 characters; the most are 32"),
        ("an na", "' ' cannot stand in a name; it is made of letters, digits and - _ ."),
        ("~anna", "'~' cannot stand in a name"),
        ("@anna", "'@' cannot stand in a name"),
        ("#anna", "'#' cannot stand in a name"),
        ("/anna", "'/' cannot stand in a name"),
        ("an:na", "':' cannot stand in a name"),
        ("anna,bob", "',' cannot stand in a name"),
        ("a\u20ddb", "'\u20dd' cannot stand in a name"),
        ("\U0001f600", "'\U0001f600' cannot stand in a name"),
        ("-anna", "a name begins with a letter, a digit or _"),
        (".anna", "a name begins with a letter, a digit or _"),
        ("\u0301anna", "a name begins with a letter, a digit or _"),
        ("anna.", "a name does not end with a dot"),
        ("123", "a nick has at least one letter"),
        ("_", "a nick has at least one letter"),
        ("q" + "\u0323\u0324\u0325\u0326" + "\u032d", "it has more than 4 marks on one letter"),
        ("\u0430nna", "it mixes letters of Cyrillic and Latin; use those of one script"),
        ("anna\u6f22", "it mixes letters of Han and Latin; use those of one script"),
        ("\u3042\uc11c", "it mixes letters of Hangul and Hiragana; use those of one script"),
        ("\u06401\u0661", "it mixes digits of several scripts; use those of one"),
        ("\uff41nna", "some of its letters are of another form (wide, joined, mathematical); use plain ones"),
        ("\ufb01sh", "some of its letters are of another form"),
        ("\U0001d4b6nna", "some of its letters are of another form"),
        ("\u0391\u039d\u039d\u0391", "it looks like 'anna', which is another name; write it in small letters"),
        ("server", "it is reserved, as it seems to speak for the chat; take another"),
        ("LandLine", "it is reserved"),
        ("r00t", "it is reserved"),
        ("syst\u0435m", "it mixes letters of Cyrillic and Latin"),
        ("guest-", "names that begin with guest- are given to guests; take another"),
        ("Guest-anna", "names that begin with guest- are given to guests; take another"),
    ],
)
def test_a_nick_that_cannot_be_says_why(nick: str, problem: str) -> None:
    with pytest.raises(NameRefused) as caught:
        clean_nick(nick)
    assert caught.value.problem.startswith(problem)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"{ord(character):04x}")
def test_nothing_invisible_stands_in_a_name(character: str) -> None:
    for clean in (clean_nick, clean_room):
        with pytest.raises(NameRefused, match="cannot stand in a name") as caught:
            clean(f"an{character}na")
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("reserved", RESERVED)
def test_what_is_reserved_is_refused_however_it_is_written(reserved: str) -> None:
    for nick in (
        reserved,
        reserved.upper(),
        reserved.title(),
        reserved.replace("m", "rn").replace("o", "0").replace("l", "I"),
    ):
        with pytest.raises(NameRefused, match="reserved"):
            clean_nick(nick)


@pytest.mark.parametrize(
    ("given", "room"),
    [
        ("lobby", "lobby"), ("Lobby", "lobby"), ("#lobby", "lobby"), ("STRASSE", "strasse"), ("Stra\xdfe", "strasse"),
        ("\uff52oom", "room"), ("2026", "2026"), ("e\u0301t\xe9", "\xe9t\xe9"), ("server", "server"),
        ("\u041d\u041e\u0412\u041e\u0421\u0422\u0418", "\u043d\u043e\u0432\u043e\u0441\u0442\u0438"),
    ],
)  # fmt: skip
def test_a_room_has_one_form(given: str, room: str) -> None:
    assert clean_room(given) == room
    assert clean_room(room) == room


@pytest.mark.parametrize("room", ["", "#", "##lobby", "@anna,bob", "x" * 33, "l\u043ebby", "lobby ", "a/b", "\ufdfa"])
def test_a_room_that_cannot_be(room: str) -> None:
    with pytest.raises(NameRefused):
        clean_room(room)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "anna"), ("Stra\xdfe", "STRASSE"), ("zo\xeb", "zoe\u0308"), ("\u039f\u03a3", "\u03bf\u03c2")],
)
def test_the_same_name_is_one_account(one: str, other: str) -> None:
    assert account_of(one) == account_of(other)
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "b0b"), ("Ivan", "lvan"), ("Ivan", "1van"), ("modem", "modern"), ("wolf", "vvolf"), ("Anna", "anna"),
        ("\u0430\u0435\u043e\u0440\u0441", "aeopc"), ("\u0410\u0415\u041e\u0420\u0421", "aeopc"),
        ("zo\xeb", "zoe\u0308"),
        ("IVAN", "ivan"), ("ivan", "lVAN"), ("\u01a6OB", "rob"), ("\u0280ob", "rob"), ("ian", "lan"),
        ("\u0412\u0410", "\u0432\u0430"),
    ],
)  # fmt: skip
def test_what_looks_the_same_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("anna", "hanna"), ("anna", "anna_"), ("zoe", "zo\xeb"), ("clara", "dara")])
def test_what_looks_different_has_two_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("Aal1I0Ovvrnm-_.")), max_size=12))
def test_forms_are_final_and_refusals_are_sentences(text: str) -> None:
    assert account_of(account_of(text)) == account_of(text)
    assert skeleton(skeleton(text)) == skeleton(text) == skeleton(account_of(text))
    for clean in (clean_nick, clean_room):
        try:
            name = clean(text)
        except NameRefused as error:
            assert str(error).isprintable()
        else:
            assert clean(name) == name
            assert 1 <= len(name) <= 32
            assert name.isprintable()
            assert is_normalized("NFC", name)
            assert not set(name) & set(" ~@#/:,")


@given(st.binary(min_size=4, max_size=32))
def test_a_guest_has_a_nick_that_nobody_else_can_choose(draw: bytes) -> None:
    nick = guest_nick(draw)
    assert re.fullmatch("guest-[a-z2-9]{4}", nick)
    assert account_of(nick) == skeleton(nick) == nick
    with pytest.raises(NameRefused, match="given to guests"):
        clean_nick(nick)


def test_guests_have_different_nicks() -> None:
    assert guest_nick(b"\0\0\0\1") != guest_nick(b"\0\0\0\2") != guest_nick(b"\0\0\0\2" + bytes(4))
