"""The scroll-back on the screen: a Sheet with keys, a wheel and a mark for where one is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from landline.chat.terminal.drawing import drawn, own_name
from landline.chat.terminal.items import Item, Key
from landline.chat.terminal.palette import Palette
from landline.chat.terminal.sheet import Sheet

WHEEL_ROWS = 3
_THUMB, _TRACK = "▐", " "


class ScrollBack(Widget):
    """Messages of a room. Only the lines that can be seen are drawn, and only those of them that are new are made."""

    class Moved(Message):
        """The window stands elsewhere."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="scrollback")
        self.palette = palette
        self.sheet = Sheet()
        self._own: re.Pattern[str] | None = None
        self._nick = ""

    def show(self, sheet: Sheet, items: Sequence[Item], nick: str) -> None:
        """Show these things on this sheet; `nick` is one's own, which stands out where somebody says it."""
        if nick != self._nick:
            self._nick = nick
            self._own = own_name(nick)
        self.sheet = sheet
        sheet.resize(self.size.width, self.size.height)
        sheet.show(items)
        self.refresh()

    def scroll_rows(self, rows: int) -> None:
        """Go down so many rows, or up."""
        self.sheet.scroll(rows)
        self._moved()

    def scroll_pages(self, pages: int) -> None:
        """Go down so many windows, or up; one line stays in sight."""
        self.scroll_rows(pages * max(self.size.height - 1, 1))

    def to_end(self) -> None:
        """Go to the newest."""
        self.sheet.to_end()
        self._moved()

    def to_top(self) -> None:
        """Go to the oldest that is loaded."""
        self.sheet.to_top()
        self._moved()

    def to_key(self, key: Key) -> bool:
        """Go to this thing, if it is there."""
        found = self.sheet.to_key(key)
        self._moved()
        return found

    def on_resize(self, event: events.Resize) -> None:
        """Wrap anew; what is read stays in its place."""
        self.sheet.resize(event.size.width, event.size.height)
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Up with the wheel."""
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Down with the wheel."""
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """A click at the right edge goes to that place in the whole."""
        if event.x >= self.size.width - 1 and self.size.height > 1:
            self.sheet.scroll(self.sheet.last_top * event.y // (self.size.height - 1) - self.sheet.top)
            self._moved()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        place = self.sheet.at(y)
        thumb = self.sheet.thumb()
        is_thumb = thumb is not None and thumb[0] <= y < thumb[1]
        edge = Segment(_THUMB if is_thumb else _TRACK, self.palette.style("line"))
        if place is None:
            return Strip([Segment(" " * (width - 1), self.palette.style("text")), edge], width)
        item, row = place
        segments = drawn(item, row, self.sheet.columns, self.palette, self._own)
        return Strip([*segments, edge]).adjust_cell_length(width)

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())
