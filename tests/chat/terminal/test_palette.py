"""Colours: what is read can be read, and without colours it is told apart as well."""

import pytest
from rich.color import Color
from rich.style import Style

from landline.chat.terminal.palette import DARK, LIGHT, PLAIN, Palette

READ = 4.5
"""The contrast that WCAG 2.2 asks of text (1.4.3)."""
ROLES = ["text", "quiet", "accent", "mention", "good", "bad"]


def luminance(color: Color) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [part / 255 for part in color.get_truecolor()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(style: Style) -> float:
    assert style.color is not None and style.bgcolor is not None
    one, two = sorted((luminance(style.color), luminance(style.bgcolor)))
    return (two + 0.05) / (one + 0.05)


@pytest.mark.parametrize("ground", ["", "panel", "cursor", "mention"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=lambda one: one.name)
def test_what_is_read_can_be_read(palette: Palette, role: str, ground: str) -> None:
    assert contrast(palette.style(f"{role} on {ground}" if ground else role)) >= READ


@pytest.mark.parametrize("ground", ["", "panel", "cursor", "mention"])
@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=lambda one: one.name)
def test_nicks_can_be_read(palette: Palette, ground: str) -> None:
    for number in range(60):
        assert contrast(palette.nick(f"person {number}", ground)) >= READ


def test_the_style_of_a_person_is_always_the_same() -> None:
    assert DARK.nick("anna") == DARK.nick("anna")
    assert len({DARK.nick(f"person {number}").color for number in range(100)}) == len(DARK.nicks)
    assert DARK.nick("\ud800")


def test_a_role_may_say_how() -> None:
    style = DARK.style("bold accent on panel")
    assert style.bold and style.color == Color.parse(DARK.accent) and style.bgcolor == Color.parse(DARK.panel)
    assert DARK.style("mention").bgcolor == Color.parse(DARK.mention_background)
    assert DARK.style("text") is DARK.style("text")


@pytest.mark.parametrize("role", [*ROLES, "line", "text on cursor", "mention on panel"])
def test_without_colours_there_are_none(role: str) -> None:
    style = PLAIN.style(role)
    assert style.color is None and style.bgcolor is None


def test_without_colours_things_are_told_apart() -> None:
    assert PLAIN.style("text on cursor").reverse and PLAIN.nick("anna", "cursor").reverse
    assert PLAIN.style("mention").underline and PLAIN.style("bad").bold and not PLAIN.style("text").bold
