"""Names of files: which may land, which are portable, and what they become when theirs is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.transfer.names import (
    NameRefused,
    check_parts,
    flags,
    folded,
    link_problem,
    portable_problem,
    renamed,
    stripped_mode,
)

ALLOWED: dict[str, list[bytes]] = {
    "plain": [b"a.txt"],
    "deep": [b"d"] * 200,
    "the longest part": [b"x" * 255],
    "the longest name": [b"x" * 255] * 15 + [b"y" * 252, b"zzz"],
    "hidden": [b".ssh", b"authorized_keys"],
    "not UTF-8": [b"\xff\xfe"],
    "newline and escapes": [b"\x1b[1A\rharmless\n", b"\xc2\x9b"],
    "zero width space": ["a\u200bb".encode()],
    "three dots": [b"..."],
    "backslashes": [b"..\\..\\a"],
    "percent": [b"%2e%2e"],
    "only spaces": [b" "],
    "a drive": [b"C:"],
    "device of another system": [b"CON"],
    "ours, but not at the top": [b"a", b".landline-00"],
    "like ours": [b".landline"],
}

REFUSED: dict[str, tuple[list[bytes], str]] = {
    "nothing": ([], "the name '' is empty; rename it where it comes from"),
    "empty": ([b""], "the name '' has an empty part; rename it where it comes from"),
    "empty part": ([b"a", b"", b"b"], "the name 'a//b' has an empty part; rename it where it comes from"),
    "here": ([b"."], "the name '.' has the part '.', which is another folder; rename it where it comes from"),
    "above": (
        [b"..", b"x"],
        "the name '../x' has the part '..', which is another folder; rename it where it comes from",
    ),
    "above, later": (
        [b"a", b"..", b"..", b"x"],
        "the name 'a/../../x' has the part '..', which is another folder; rename it where it comes from",
    ),
    "absolute": ([b"/abs"], "the name '/abs' has a / inside one of its parts; rename it where it comes from"),
    "slash": ([b"a/b"], "the name 'a/b' has a / inside one of its parts; rename it where it comes from"),
    "zero byte": ([b"a\0b"], "the name 'a\\x00b' has a zero byte in it; rename it where it comes from"),
    "long part": (
        [b"x" * 256],
        f"the name '{'x' * 200}' (and 56 more bytes) has a part of 256 bytes and the most is 255; "
        "rename it where it comes from",
    ),
    "deep": (
        [b"d"] * 201,
        f"the name '{'d/' * 100}' (and 201 more bytes) has 201 parts and the most is 200; "
        "rename it where it comes from",
    ),
    "long name": (
        [b"x" * 255] * 16 + [b"y"],
        f"the name '{'x' * 200}' (and 3897 more bytes) has 4097 bytes and the most is 4096; "
        "rename it where it comes from",
    ),
    "ours": (
        [b".landline-x", b"f0"],
        "the name '.landline-x/f0' begins with .landline-, which is for unfinished transfers; "
        "rename it where it comes from",
    ),
    "ours, where case does not count": (
        [b".LandLine-x"],
        "the name '.LandLine-x' begins with .landline-, which is for unfinished transfers; "
        "rename it where it comes from",
    ),
    "escapes are shown harmless": (
        [b"\x1b[1A", b".."],
        "the name '\\x1b[1A/..' has the part '..', which is another folder; rename it where it comes from",
    ),
}


@pytest.mark.parametrize("parts", ALLOWED.values(), ids=ALLOWED)
def test_a_name_may_land(parts: list[bytes]) -> None:
    check_parts(parts)


@pytest.mark.parametrize(("parts", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_name_may_not_land(parts: list[bytes], sentence: str) -> None:
    with pytest.raises(NameRefused) as caught:
        check_parts(parts)
    assert str(caught.value) == sentence
    assert caught.value.name == b"/".join(parts)


@given(st.lists(st.binary(max_size=4), max_size=5))
def test_what_may_land_stays_below(parts: list[bytes]) -> None:
    try:
        check_parts(parts)
    except NameRefused:
        return
    joined = b"/".join(parts)
    assert joined.split(b"/") == parts
    assert not {b"", b".", b".."} & set(parts)
    assert b"\0" not in joined


LINKS: list[tuple[list[bytes], bytes, str | None]] = [
    ([b"t", b"x"], b"y", None),
    ([b"t", b"x"], b"./y//z/", None),
    ([b"t", b"a", b"x"], b"../y", None),
    ([b"t", b"a", b"x"], b"..", None),
    ([b"t", b"a", b"x"], b"../../t/y", None),
    ([b"t", b"x"], b".", None),
    ([b"t", b"x"], b"...", None),
    ([b"t", b"x"], b"/outside", "its target '/outside' is absolute"),
    ([b"t", b"x"], b"..", "its target '..' lies outside of what is transferred"),
    ([b"t", b"x"], b"../other", "its target '../other' lies outside of what is transferred"),
    ([b"t", b"x"], b"../../t/y", "its target '../../t/y' lies outside of what is transferred"),
    ([b"t", b"a", b"x"], b"../../..", "its target '../../..' lies outside of what is transferred"),
    ([b"t", b"a", b"x"], b"../..", "its target '../..' lies outside of what is transferred"),
    ([b"t", b"x"], b"down/../y", "its target 'down/../y' goes up again after going down"),
    ([b"x"], b"y", "its target 'y' lies outside of what is transferred"),
    ([b"x"], b"../x", "its target '../x' lies outside of what is transferred"),
    ([b"x"], b".", "its target '.' lies outside of what is transferred"),
    ([b"t", b"x"], b"", "a link whose target has 0 bytes, or a zero byte, cannot be"),
    ([b"t", b"x"], b"a\0b", "a link whose target has 3 bytes, or a zero byte, cannot be"),
    ([b"t", b"x"], b"y" * 4096, "a link whose target has 4096 bytes, or a zero byte, cannot be"),
]


@pytest.mark.parametrize(("parts", "target", "problem"), LINKS)
def test_links_that_must_stay_inside(parts: list[bytes], target: bytes, problem: str | None) -> None:
    assert link_problem(parts, target) == problem


PORTABLE: list[tuple[bytes, str | None]] = [
    (b"photo.jpg", None),
    ("Gr\u00fc\u00dfe".encode(), None),
    (b"CONSOLE", None),
    (b"com", None),
    (b"COM10", None),
    (b".bashrc", None),
    (b"a b", None),
    (b"CON", "is the name of a device on Windows"),
    (b"con.tar.gz", "is the name of a device on Windows"),
    (b"NUL.txt", "is the name of a device on Windows"),
    (b"COM1 .txt", "is the name of a device on Windows"),
    ("COM\u00b9".encode(), "is the name of a device on Windows"),
    ("lpt\u00b3.log".encode(), "is the name of a device on Windows"),
    (b"CONIN$", "is the name of a device on Windows"),
    (b"COM1 ", "ends with a dot or a space"),
    (b"x.", "ends with a dot or a space"),
    (b"a:b", "has : in it"),
    (b"what?", "has ? in it"),
    (b"a\\b", "has \\ in it"),
    (b'<>"|*', 'has " in it'),
    (b"a\nb", "has a control character"),
    (b"a\x7f", "has a control character"),
    (b"\xff", "is not UTF-8"),
]


@pytest.mark.parametrize(("part", "problem"), PORTABLE)
def test_names_for_other_systems(part: bytes, problem: str | None) -> None:
    assert portable_problem(part) == problem


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([b"README"], [b"readme"], True),
        (["Stra\u00dfe".encode()], [b"STRASSE"], True),
        (["\u00e9".encode()], ["e\u0301".encode()], True),
        (["\u00c9".encode()], ["e\u0301".encode()], True),
        ([b"A", b"b"], [b"a", b"B"], True),
        ([b"\xff"], [b"\\xff"], False),
        ([b"\xff"], [b"\xfe"], False),
        ([b"a"], [b"b"], False),
    ],
)
def test_names_that_are_one_where_case_does_not_count(one: list[bytes], other: list[bytes], same: bool) -> None:
    assert (folded(one) == folded(other)) is same


RENAMED: list[tuple[bytes, int, bytes]] = [
    (b"photo.jpg", 2, b"photo (2).jpg"),
    (b"photo.jpg", 13, b"photo (13).jpg"),
    (b"Makefile", 2, b"Makefile (2)"),
    (b"a.tar.gz", 2, b"a (2).tar.gz"),
    (b"a.TAR.xz", 2, b"a (2).TAR.xz"),
    (b"a.b.gz", 2, b"a.b (2).gz"),
    (b".tar.gz", 2, b".tar (2).gz"),
    (b".bashrc", 2, b".bashrc (2)"),
    (b".config.json", 2, b".config (2).json"),
    (b"...a", 2, b"...a (2)"),
    (b"end.", 2, b"end. (2)"),
    (b"1. The first of many", 2, b"1. The first of many (2)"),
    (b"a.averyverylongsuffix", 2, b"a.averyverylongsuffix (2)"),
    (b"\xff\xfe.bin", 2, b"\xff\xfe (2).bin"),
    (b"x" * 255, 2, b"x" * 251 + b" (2)"),
    (b"x" * 251 + b".jpg", 10, b"x" * 246 + b" (10).jpg"),
    ("\u00e9".encode() * 127, 2, "\u00e9".encode() * 125 + b" (2)"),
    (b"\xff" * 255, 2, b"\xff" * 251 + b" (2)"),
]


@pytest.mark.parametrize(("part", "number", "expected"), RENAMED)
def test_a_name_that_is_taken_gets_a_number(part: bytes, number: int, expected: bytes) -> None:
    assert renamed(part, number) == expected
    assert len(expected) <= 255


@given(st.binary(min_size=1, max_size=255).filter(lambda part: not {0, 47} & set(part)), st.integers(2, 10**9))
def test_a_numbered_name_may_land_when_its_name_may(part: bytes, number: int) -> None:
    check_parts([b"folder", renamed(part, number)])
    assert renamed(part, number) != part


@pytest.mark.parametrize(
    ("mode", "stripped"), [(0o4755, 0o755), (0o2755, 0o755), (0o1777, 0o777), (0o100644, 0o644), (0, 0)]
)
def test_a_mode_keeps_its_permissions_only(mode: int, stripped: int) -> None:
    assert stripped_mode(mode) == stripped


@pytest.mark.parametrize(
    ("parts", "mode", "expected"),
    [
        ([b"a"], 0o644, ()),
        ([b".ssh", b"authorized_keys"], 0o600, ("hidden",)),
        ([b"run.sh"], 0o755, ("executable",)),
        ([b"a", b".run"], 0o100, ("hidden", "executable")),
    ],
)
def test_what_to_know_before_accepting(parts: list[bytes], mode: int, expected: tuple[str, ...]) -> None:
    assert flags(parts, mode) == expected
