"""What F1 shows."""

from __future__ import annotations

from landline.chat.lines import COMMANDS
from landline.chat.terminal.help import help_rows

WIDTH_OF_THE_LIST = 65
"""On a screen of 80 columns."""


def test_every_line_fits_on_a_small_screen() -> None:
    rows = [row.text for row in help_rows()]
    assert [text for text in rows if len(text) > WIDTH_OF_THE_LIST] == []


def test_the_commands_are_there_but_those_that_scrolling_does() -> None:
    keys = {row.value for row in help_rows()}
    assert {f"/{name}" for name in COMMANDS} - keys == {"/history", "/since", "/resume"}
