"""Code phrases: written and read, and every mistake as one sentence that never shows a whole code."""

from __future__ import annotations

import random

import pytest

from landline.errors import CODE_EXAMPLE, CodeError
from landline.transfer.code import HIGHEST_NUMBER, Code, new_code, parse_code
from landline.transfer.words import load_words

WORDS = load_words()
CODE = Code(4821, ("ocean", "maple", "brick"))


def test_a_code_is_written_with_dashes() -> None:
    assert str(CODE) == "4821-ocean-maple-brick" == CODE_EXAMPLE


def test_a_code_in_a_traceback_shows_no_words() -> None:
    assert repr(CODE) == "<Code 4821>"
    assert f"{[CODE]}" == "[<Code 4821>]"


def test_the_secret_is_independent_of_the_number() -> None:
    """The number goes to a relay and over the network in the clear, so it must tell nothing about the words."""
    assert CODE.secret == Code(7, CODE.words).secret == b"ocean-maple-brick"


def test_a_new_code_takes_three_words_by_chance() -> None:
    asked = []

    def choose(count: int) -> int:
        asked.append(count)
        return (0, 2047, 5)[len(asked) - 1]

    assert new_code(1, choose, WORDS) == Code(1, ("abandon", "zoo", "absent"))
    assert asked == [2048, 2048, 2048]


@pytest.mark.parametrize("number", [0, -1, HIGHEST_NUMBER + 1])
def test_a_number_out_of_range_makes_no_code(number: int) -> None:
    with pytest.raises(CodeError) as caught:
        new_code(number, lambda count: 0, WORDS)
    assert str(caught.value) == f"'{number}' is not a number from 1 to 99999; a code looks like {CODE_EXAMPLE}"


@pytest.mark.parametrize(
    "text",
    [
        "4821-ocean-maple-brick",
        "  4821-ocean-maple-brick\n",
        "4821 ocean maple brick",
        "4821 - Ocean - MAPLE  brick",
        "-4821--ocean--maple--brick-",
        "04821-ocea-mapl-bric",
        "4821-oce-map-bric",
        "4821\u2013ocean\u2014maple\u2212brick",
        "4821\u00a0ocean\u2011maple\tbrick",
        "\uff14\uff18\uff12\uff11\uff0d\uff4fcean-maple-brick",
    ],
)
def test_a_code_is_read_as_people_type_it(text: str) -> None:
    assert parse_code(text, WORDS) == CODE


def test_a_word_that_begins_others_is_that_word() -> None:
    assert parse_code("1-act-act-act", WORDS).words == ("act", "act", "act")


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_again(seed: int) -> None:
    chance = random.Random(seed)
    code = new_code(chance.randint(1, HIGHEST_NUMBER), chance.randrange, WORDS)
    assert parse_code(str(code), WORDS) == code
    short = "-".join([str(code.number), *(word[:4] for word in code.words)])
    assert parse_code(short.upper(), WORDS) == code


LOOKS = f"a code looks like {CODE_EXAMPLE}"
PARTS = "and a code has a number and 3 words"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"the text has 0 parts, {PARTS}; {LOOKS}"),
        ("oceanmaplebrick", f"the text has 1 part, {PARTS}; {LOOKS}"),
        ("ocean-maple-brick", f"the text has 3 parts, {PARTS}; {LOOKS}"),
        ("4821-ocean-maple-brick-x", f"the text has 5 parts, {PARTS}; {LOOKS}"),
        ("4821-ocean-mapel-brick", "'mapel' is not a word of a code; did you mean 'maple'?"),
        ("4821-ocean-xqzvw-brick", f"'xqzvw' is not a word of a code; {LOOKS}"),
        ("4821-ocean-\x1b[2j-brick", f"'\\x1b[2j' is not a word of a code; {LOOKS}"),
        ("4821-ocean-mapleb-brick", "'mapleb' is not a word of a code; did you mean 'maple'?"),
        (
            "4821-ocean-maplebrickmaple-x",
            f"the text has a word of 15 characters, which is not a word of a code; {LOOKS}",
        ),
        ("0-ocean-maple-brick", f"'0' is not a number from 1 to 99999; {LOOKS}"),
        ("100000-ocean-maple-brick", f"'100000' is not a number from 1 to 99999; {LOOKS}"),
        ("\u0664-ocean-maple-brick", f"'\u0664' is not a number from 1 to 99999; {LOOKS}"),
        (
            "4821oceanmaple-a-b-c",
            f"the text has a number of 14 characters, which is not a number from 1 to 99999; {LOOKS}",
        ),
        ("x" * 201, f"the text has 201 characters, and a code has fewer than 200; {LOOKS}"),
    ],
)
def test_what_is_no_code_is_told(text: str, sentence: str) -> None:
    with pytest.raises(CodeError) as caught:
        parse_code(text, WORDS)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("part", "begins"),
    [
        ("ma", "begins 33 words (machine, mad, magic, ...)"),
        ("bri", "begins 6 words (brick, bridge, brief, ...)"),
        ("abo", "begins 2 words (about, above)"),
    ],
)
def test_a_beginning_of_several_words_is_told(part: str, begins: str) -> None:
    with pytest.raises(CodeError) as caught:
        parse_code(f"1-{part}-zoo-zoo", WORDS)
    assert caught.value.part == part
    assert str(caught.value) == f"'{part}' {begins}, so it takes more of its letters; {LOOKS}"


@pytest.mark.parametrize(
    "text", ["4821-ocean-maple-brickk", "4821oceanmaplebrick", "4821-oceanmaplebrick-x-y", "0-a-b-c"]
)
def test_no_sentence_holds_more_than_one_part(text: str) -> None:
    with pytest.raises(CodeError) as caught:
        parse_code(text, WORDS)
    shown = str(caught.value).partition(";")[0]
    assert sum(word in shown for word in ("4821", "ocean", "maple", "brick")) <= 1
