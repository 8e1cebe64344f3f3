"""Where one is in a scroll-back. Pure: things with heights, a window on them, and a place that holds.

While one reads above the end, the line at the top of the window is what stays where it is, whatever comes below, is
loaded above, or is wrapped anew. At the end, the window follows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from landline.chat.terminal.items import Columns, Item, Key, Kind

_NOTHING: Key = (-1, 0, 0)


class Sheet:
    """The window on a scroll-back: `top` is its first row, `is_following` whether it keeps to the end."""

    def __init__(self) -> None:
        self.items: Sequence[Item] = ()
        self.columns = Columns.of(80)
        self.height = 1
        self.top = 0
        self.is_following = True
        self._tops: list[int] = [0]
        self._seen: Key = _NOTHING

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return self._tops[-1]

    @property
    def last_top(self) -> int:
        """Where the window begins when it shows the end."""
        return max(0, self.rows - self.height)

    @property
    def new_below(self) -> int:
        """How many messages of others have come below since one has left the end."""
        if self.is_following:
            return 0
        fresh = bisect_right(self.items, self._seen, key=_key)
        return sum(1 for item in self.items[fresh:] if item.kind == Kind.MESSAGE and not item.is_own)

    def show(self, items: Sequence[Item]) -> None:
        """Show these things, which are in the order of their keys, from now on."""
        anchor = self._anchor()
        self.items = items
        self._measure()
        self._hold(anchor)

    def resize(self, width: int, height: int) -> None:
        """Take another size, in cells."""
        anchor = self._anchor()
        self.height = max(height, 1)
        columns = Columns.of(width)
        if columns != self.columns:
            self.columns = columns
            self._measure()
        self._hold(anchor)

    def scroll(self, rows: int) -> None:
        """Go down so many rows, or up; at the end the window follows again."""
        self.top = max(0, min(self.top + rows, self.last_top))
        self._settle()

    def to_end(self) -> None:
        """Go to the newest, and follow."""
        self.top = self.last_top
        self._settle()

    def to_top(self) -> None:
        """Go to the oldest that is there."""
        self.scroll(-self.top)

    def to_key(self, key: Key) -> bool:
        """Show the thing with this key in the upper third, if it is there."""
        index = bisect_left(self.items, key, key=_key)
        if index == len(self.items) or self.items[index].key != key:
            return False
        self.top = max(0, min(self._tops[index] - self.height // 3, self.last_top))
        self._settle()
        return True

    def at(self, row: int) -> tuple[Item, int] | None:
        """What is in a row of the window (0 is its first): the thing, and which line of it. Few rows stand below."""
        place = self.top + row - max(0, self.height - self.rows)
        if not 0 <= place < self.rows or place < self.top:
            return None
        index = bisect_right(self._tops, place) - 1
        return self.items[index], place - self._tops[index]

    def visible(self) -> Sequence[Item]:
        """What can be seen, at least in part."""
        first = bisect_right(self._tops, self.top) - 1
        return self.items[first : bisect_left(self._tops, self.top + self.height)]

    def thumb(self) -> tuple[int, int] | None:
        """Where in the window its place in the whole is to be marked: first row and end; None if all is to be seen."""
        if self.rows <= self.height:
            return None
        size = max(1, self.height * self.height // self.rows)
        first = (self.height - size) * self.top // self.last_top
        return first, first + size

    def _measure(self) -> None:
        columns = self.columns
        total = 0
        self._tops = [0]
        for item in self.items:
            total += len(item.cut) if item.columns is columns else len(item.lines(columns))
            self._tops.append(total)

    def _anchor(self) -> tuple[Key, int] | None:
        """The first thing to be seen that is no rule, as rules come and go, and how far below the top it stands."""
        if self.is_following or not self.items:
            return None
        first = min(bisect_right(self._tops, self.top) - 1, len(self.items) - 1)
        seen = range(first, bisect_left(self._tops, self.top + self.height))
        index = next((one for one in seen if not self.items[one].is_ruled), first)
        return self.items[index].key, self._tops[index] - self.top

    def _hold(self, anchor: tuple[Key, int] | None) -> None:
        if anchor is None:
            self.to_end()
            return
        key, below = anchor
        index = min(bisect_left(self.items, key, key=_key), max(len(self.items) - 1, 0))
        height = self._tops[index + 1] - self._tops[index] if self.items else 1
        self.top = max(0, min(self._tops[index] - max(below, 1 - height), self.last_top))
        self._settle()

    def _settle(self) -> None:
        self.is_following = self.top >= self.last_top
        if self.is_following and self.items:
            self._seen = self.items[-1].key


def _key(item: Item) -> Key:
    return item.key
