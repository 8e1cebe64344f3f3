"""A list of one-line rows, for rooms, members, results: arrows and Enter, wheel and clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from landline.chat.terminal.palette import Palette
from landline.chat.terminal.rows import Row
from landline.chat.terminal.wrapping import fitted


class Listing(Widget, can_focus=True):
    """Rows of which one can be chosen. `ground` is a ground of the palette."""

    class Chosen(Message):
        """Somebody has chosen a row."""

        def __init__(self, listing: Listing, value: str) -> None:
            super().__init__()
            self.listing = listing
            self.value = value

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", show=False),
        Binding("down,j", "go(1)", show=False),
        Binding("pageup", "go(-10)", show=False),
        Binding("pagedown", "go(10)", show=False),
        Binding("home", "go(-100000)", show=False),
        Binding("end", "go(100000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, palette: Palette, *, id: str, ground: str = "panel", empty: str = "") -> None:
        super().__init__(id=id)
        self.palette = palette
        self.rows: Sequence[Row] = ()
        self._ground = ground
        self._empty = empty
        self._cursor = 0
        self._top = 0

    @property
    def value(self) -> str:
        """What the row under the cursor stands for; "" if there is none."""
        return self.rows[self._cursor].value if self._cursor < len(self.rows) else ""

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Show these rows; the cursor stays on what it was on. `empty` is shown if there are none."""
        value = self.value
        self.rows = rows
        self._empty = self._empty if empty is None else empty
        places = [place for place, row in enumerate(rows) if row.value]
        kept = next((place for place in places if rows[place].value == value), None)
        near = min(places, key=lambda place: abs(place - self._cursor), default=0)
        self._cursor = near if kept is None else kept
        self._keep_in_sight()

    def point_at(self, value: str) -> None:
        """Put the cursor on a row."""
        self._cursor = next((place for place, row in enumerate(self.rows) if row.value == value), self._cursor)
        self._keep_in_sight()

    def action_go(self, by: int) -> None:
        """Move the cursor, over headings."""
        places = [place for place, row in enumerate(self.rows) if row.value]
        if places:
            now = min(range(len(places)), key=lambda index: abs(places[index] - self._cursor))
            self._cursor = places[max(0, min(now + by, len(places) - 1))]
            self._keep_in_sight()

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self.value:
            self.post_message(self.Chosen(self, self.value))

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked."""
        place = self._top + event.y
        if place < len(self.rows) and self.rows[place].value:
            self._cursor = place
            self.refresh()
            self.action_choose()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Up with the wheel."""
        event.stop()
        self._scroll(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Down with the wheel."""
        event.stop()
        self._scroll(3)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._keep_in_sight()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        place = self._top + y
        if place >= len(self.rows):
            text = self._empty if not self.rows and y == 0 else ""
            return Strip([Segment(fitted(f" {text}", width), self.palette.style(f"quiet on {self._ground}"))], width)
        return self._drawn(self.rows[place], place == self._cursor and self.has_focus, width)

    def _drawn(self, row: Row, has_cursor: bool, width: int) -> Strip:
        ground = "cursor" if has_cursor else self._ground
        if not row.value:
            return Strip([Segment(fitted(f" {row.text}", width), self.palette.style(f"quiet on {ground}"))], width)
        note = f" {row.note} " if row.note else " "
        mark = "›" if row.is_current else " "
        text = fitted(row.text, max(width - 2 - cell_len(note), 1))
        shade = self.palette.nick(row.person, ground) if row.person else self.palette.style(f"{row.role} on {ground}")
        return Strip(
            [
                Segment(f"{mark} ", self.palette.style(f"accent on {ground}")),
                Segment(text, shade),
                Segment(note, self.palette.style(f"{row.note_role} on {ground}")),
            ]
        ).adjust_cell_length(width)

    def _scroll(self, by: int) -> None:
        self._top = max(0, min(self._top + by, len(self.rows) - self.size.height))
        self.refresh()

    def _keep_in_sight(self) -> None:
        height = max(self.size.height, 1)
        if not self._top <= self._cursor < self._top + height:
            self._top = self._cursor - height // 2
        if self._cursor and not self.rows[self._cursor - 1].value and self._cursor == self._top:
            self._top -= 1
        self._top = max(0, min(self._top, len(self.rows) - height))
        self.refresh()
