"""Lines at the edges of the screen: where one is, what goes on, which keys there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from landline.chat.terminal.palette import Palette
from landline.chat.terminal.rows import Part
from landline.chat.terminal.wrapping import fitted


class EdgeLine(Widget):
    """One line with something at its left and something at its right; the left one is cut if it has to be.

    `pressed` is called when somebody clicks the line.
    """

    def __init__(
        self, palette: Palette, *, id: str, ground: str = "panel", pressed: Callable[[], None] | None = None
    ) -> None:
        super().__init__(id=id)
        self.palette = palette
        self._ground = ground
        self._pressed = pressed
        self._left: Sequence[Part] = ()
        self._right: Sequence[Part] = ()

    @property
    def words(self) -> str:
        """What the line says."""
        return "".join(text for text, _ in [*self._left, *self._right])

    def show(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Show this from now on."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Somebody clicks."""
        if self._pressed is not None:
            self._pressed()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        right = [(f" {text}" if number == 0 else text, role) for number, (text, role) in enumerate(self._right)]
        taken = sum(cell_len(text) for text, _ in right)
        if taken > width // 2:
            right, taken = [], 0
        room = width - taken
        segments: list[Segment] = []
        for text, role in self._left:
            kept = text if cell_len(text) <= room else fitted(text, room)
            room -= cell_len(kept)
            if kept:
                segments.append(Segment(kept, self._style(role)))
        segments.append(Segment(" " * room, self._style("text")))
        segments.extend(Segment(text, self._style(role)) for text, role in right)
        return Strip(segments, width)

    def _style(self, role: str) -> Style:
        return self.palette.style(f"{role} on {self._ground}")
