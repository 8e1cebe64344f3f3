"""The line one writes on: completion by Tab, what was written before by the arrows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from landline.chat.terminal.safe import typed

MOST_REMEMBERED = 200
Complete = Callable[[str, int], Sequence[str]]
"""From a text and the place of the cursor to the texts that the word before the cursor may become."""


class Prompt(Input):
    """A line for what one says."""

    class Offered(Message):
        """These completions there are; none: the last ones do not hold any more."""

        def __init__(self, choices: Sequence[str], chosen: int) -> None:
            super().__init__()
            self.choices = choices
            self.chosen = chosen

    class AtEnd(Message):
        """Somebody wants to go to the end, and is at that of the line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", show=False),
        Binding("shift+tab", "complete(-1)", show=False),
        Binding("up", "remember(-1)", show=False),
        Binding("down", "remember(1)", show=False),
    ]

    def __init__(self, complete: Complete) -> None:
        super().__init__(id="prompt", placeholder="say something, or /help", select_on_focus=False, compact=True)
        self._complete = complete
        self._choices: Sequence[str] = ()
        self._chosen = -1
        self._base = ("", 0, 0)
        self._expected: tuple[str, int] | None = None
        self._said: list[str] = []
        self._at = 0
        self._draft = ""

    def remember(self, text: str) -> None:
        """Keep what was said, for the arrows."""
        if not self._said or self._said[-1] != text:
            self._said.append(text)
            del self._said[:-MOST_REMEMBERED]
        self._at = len(self._said)

    def action_remember(self, by: int) -> None:
        """Go to what was said before, or after it."""
        if self._at == len(self._said):
            self._draft = self.value
        place = self._at + by
        if 0 <= place <= len(self._said):
            self._at = place
            self.put(self._draft if place == len(self._said) else self._said[place])

    def action_end(self, select: bool = False) -> None:
        """Go to the end of the line; from there, to the newest message."""
        if self.cursor_at_end and not select:
            self.post_message(self.AtEnd())
        super().action_end(select)

    def put(self, text: str) -> None:
        """Write this on the line, with the cursor behind it."""
        self.value = text
        self.cursor_position = len(text)

    def action_complete(self, step: int) -> None:
        """Complete the word before the cursor; again: the next possibility."""
        if (self.value, self.cursor_position) != self._expected:
            self._begin()
        if not self._choices:
            self.post_message(self.Offered((), -1))
            return
        self._chosen = (self._chosen + step) % len(self._choices)
        text, start, end = self._base
        choice = self._choices[self._chosen]
        self.value = text[:start] + choice + text[end:]
        self.cursor_position = start + len(choice)
        self._expected = self.value, self.cursor_position
        self.post_message(self.Offered(self._choices, self._chosen))

    def _begin(self) -> None:
        """Find what there is for the word before the cursor."""
        text, cursor = self.value, self.cursor_position
        self._choices = self._complete(text, cursor)
        self._chosen = -1
        self._base = (text, text.rfind(" ", 0, cursor) + 1, cursor)

    def _on_paste(self, event: events.Paste) -> None:
        """A pasted text is one line: what ends a line is a blank, and nothing that a terminal obeys comes along."""
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(typed(event.text.strip("\r\n")))
