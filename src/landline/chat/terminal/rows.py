"""What lists and lines at the edge show. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Part = tuple[str, str]
"""A text that is safe for a terminal, and its role in the palette."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `value` is what it stands for ("" for a heading), `text` and `note` are safe for a terminal already.

    `role` and `note_role` are of the palette; a `person` is shown in the colour of that one's nick.
    """

    value: str
    text: str
    note: str = ""
    role: str = "text"
    note_role: str = "quiet"
    person: str = ""
    is_current: bool = False
