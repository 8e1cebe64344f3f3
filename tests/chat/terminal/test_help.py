"""Keys and commands, in words."""

from __future__ import annotations

from rich.cells import cell_len

from landline.chat.lines import COMMANDS
from landline.chat.terminal.help import KEYS, MOUSE, help_rows
from landline.chat.terminal.safe import shown

WIDTH_OF_THE_LIST = 65
"""On a screen of 80 columns."""


def test_every_key_is_said_with_what_it_does() -> None:
    texts = [row.text for row in help_rows()]
    for keys, what in KEYS:
        assert [text for text in texts if text.startswith(f"{keys} ") and text.endswith(what)]


def test_every_command_is_said_but_those_that_scrolling_makes_needless() -> None:
    named = [row.value[1:] for row in help_rows() if row.value.startswith("/")]
    assert named == [name for name in COMMANDS if name not in ("history", "since", "resume")]


def test_a_password_is_never_written_in_the_line() -> None:
    rows = {row.value: row.text for row in help_rows()}
    assert "PASSWORD" not in "".join(rows.values())
    assert rows["/login"].split()[:2] == ["/login", "[NICK]"]
    assert rows["/register"].split()[:2] == ["/register", "make"]


def test_headings_stand_for_nothing_and_the_rest_for_one_thing_each() -> None:
    values = [row.value for row in help_rows() if row.value]
    assert len(set(values)) == len(values)
    headings = [row.text for row in help_rows() if not row.value]
    assert headings == ["Keys", "", "Commands", "", *MOUSE]


def test_it_can_be_shown_and_its_columns_are_straight() -> None:
    rows = help_rows()
    assert all(shown(row.text) == row.text for row in rows)
    starts = {cell_len(row.text) - cell_len(what) for row, (_, what) in zip(rows[1:], KEYS, strict=False)}
    assert starts == {15}


def test_every_line_fits_on_a_small_screen() -> None:
    assert [row.text for row in help_rows() if cell_len(row.text) > WIDTH_OF_THE_LIST] == []
