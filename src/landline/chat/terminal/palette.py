"""Colours: a dark set, a light one, and none at all. Pure.

Each set paints its own background, so that it is readable whatever the terminal's is; without colours, bold, underlined
and reversed text say the same in the terminal's own two.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from rich.style import Style


@dataclass(frozen=True, slots=True)
class Palette:
    """What things look like. Colours are `#rrggbb`, or "" for the terminal's own."""

    name: str
    is_dark: bool
    background: str
    panel: str
    """Behind lists and lines at the edge."""
    text: str
    quiet: str
    """Times, hints, who came and went."""
    line: str
    """What separates: it is not read."""
    accent: str
    mention: str
    mention_background: str
    good: str
    bad: str
    nicks: tuple[str, ...]
    cursor_background: str
    styles: dict[str, Style] = field(default_factory=dict, compare=False)
    """Styles that were made already, by their name."""

    def style(self, role: str) -> Style:
        """The style of a role: a name of a colour here, with `bold`, `reverse` or `underline` before it.

        `on cursor` or `on panel` behind it is the ground of a chosen line, or of an edge.
        """
        made = self.styles.get(role)
        if made is None:
            made = self.styles[role] = self._made(role)
        return made

    def nick(self, person: str, ground: str = "") -> Style:
        """The style of a nick: each person's is the same, in every room and at every visit."""
        number = zlib.crc32(person.encode("utf-8", "backslashreplace")) % len(self.nicks)
        key = f"{number}@{ground}"
        made = self.styles.get(key)
        if made is None:
            on = self._ground(ground)
            made = self.styles[key] = Style(color=self.nicks[number] or None, bgcolor=on or None, bold=True) + (
                _REVERSED if ground == "cursor" and not self.background else _AS_IT_IS
            )
        return made

    def _made(self, role: str) -> Style:
        words, _, ground = role.partition(" on ")
        *names, colour = words.split()
        how: dict[str, Any] = dict.fromkeys(names, True)
        on = self._ground(ground or colour)
        style = Style(color=getattr(self, colour) or None, bgcolor=on or None, **how)
        if not self.background:
            style += _WITHOUT_COLOURS.get(colour, _AS_IT_IS)
            style += _REVERSED if ground == "cursor" else _AS_IT_IS
        return style

    def _ground(self, name: str) -> str:
        grounds = {"mention": self.mention_background, "panel": self.panel, "cursor": self.cursor_background}
        return grounds.get(name, self.background)


_AS_IT_IS = Style()
_REVERSED = Style(reverse=True)
_WITHOUT_COLOURS = {
    "accent": Style(bold=True),
    "mention": Style(bold=True, underline=True),
    "bad": Style(bold=True),
}
"""What stands for a colour where there are none."""

DARK = Palette(
    name="landline-dark",
    is_dark=True,
    background="#15181e",
    panel="#1c2028",
    text="#d7dae0",
    quiet="#9aa2af",
    line="#3a414d",
    accent="#6cb6ff",
    mention="#ffd479",
    mention_background="#33301f",
    good="#7fce8f",
    bad="#ff8a80",
    nicks=(
        "#6cb6ff",
        "#8ddb8c",
        "#f0a35e",
        "#dcbdfb",
        "#56d4dd",
        "#f69d9d",
        "#dabf5b",
        "#b0c4de",
        "#e59ad4",
        "#9fd0a8",
    ),
    cursor_background="#2b3340",
)
LIGHT = Palette(
    name="landline-light",
    is_dark=False,
    background="#fcfcfa",
    panel="#f1f1ee",
    text="#24272c",
    quiet="#5a606a",
    line="#c9ccd1",
    accent="#0b5cad",
    mention="#7a4300",
    mention_background="#fff1c9",
    good="#1a6e36",
    bad="#b3261e",
    nicks=(
        "#0b5cad",
        "#1a6e36",
        "#954000",
        "#6f42c1",
        "#056b75",
        "#a8293b",
        "#6b5900",
        "#3f5573",
        "#9a2c82",
        "#33691e",
    ),
    cursor_background="#dfe7f2",
)
PLAIN = Palette(
    name="landline-plain",
    is_dark=True,
    background="",
    panel="",
    text="",
    quiet="",
    line="",
    accent="",
    mention="",
    mention_background="",
    good="",
    bad="",
    nicks=("",),
    cursor_background="",
)
