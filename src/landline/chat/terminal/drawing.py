"""Lines of a scroll-back as segments with their style. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.segment import Segment

from landline.chat.terminal.items import Columns, Item, Kind
from landline.chat.terminal.palette import Palette
from landline.chat.terminal.wrapping import fitted, fitted_right

MARK, DOT = "▌", "·"
_MARKS = {Kind.FAILED: ("✗", "bad"), Kind.WAITING: ("…", "quiet")}
"""What stands in place of the time of a message that has none yet."""
_RULE = "─"


def drawn(item: Item, row: int, columns: Columns, palette: Palette, own: re.Pattern[str] | None) -> list[Segment]:
    """One row of a thing, as wide as the columns say but one cell; `own` finds one's own name."""
    text = item.lines(columns)[row]
    if item.is_ruled:
        return _ruled(item, text, columns.width - 1, palette)
    return [*_head(item, row == 0, columns, palette), *_body(item, text, columns, palette, own)]


def own_name(nick: str) -> re.Pattern[str] | None:
    """What finds a nick in a text: as a whole word, in capitals or not."""
    return re.compile(rf"(?<!\w)@?{re.escape(nick)}(?!\w)", re.IGNORECASE) if nick else None


def _head(item: Item, is_first: bool, columns: Columns, palette: Palette) -> Iterator[Segment]:
    ground = " on mention" if item.is_mention else ""
    yield Segment(MARK if item.is_mention else " ", palette.style("mention" if item.is_mention else "text"))
    if columns.time:
        mark, role = _MARKS.get(item.kind, ("", "quiet"))
        when = fitted_right(mark, columns.time) if mark else item.time
        yield Segment(fitted(when if is_first else "", columns.time + 1), palette.style(role + ground))
    who = fitted_right(item.who if is_first else "", columns.nick)
    match item.kind:
        case Kind.MESSAGE:
            yield Segment(who, palette.nick(item.person, "mention" if item.is_mention else ""))
            yield Segment("  ", palette.style("text" + ground))
        case Kind.WAITING | Kind.FAILED:
            yield Segment(who + "  ", palette.style("quiet"))
        case _:
            mark = fitted_right(DOT if is_first else "", columns.nick)
            yield Segment(mark + "  ", palette.style("bad" if item.kind == Kind.ERROR else "line"))


_ROLES = {Kind.WORD: "quiet", Kind.GOOD: "good", Kind.ERROR: "bad", Kind.WAITING: "quiet", Kind.FAILED: "bad"}


def _body(item: Item, text: str, columns: Columns, palette: Palette, own: re.Pattern[str] | None) -> Iterator[Segment]:
    room = columns.width - 1 - columns.indent
    role = _ROLES.get(item.kind, "text") + (" on mention" if item.is_mention else "")
    place = 0
    if item.is_mention and own is not None:
        for found in own.finditer(text):
            yield Segment(text[place : found.start()], palette.style(role))
            yield Segment(found[0], palette.style("bold mention"))
            place = found.end()
    yield Segment(text[place:] + " " * (room - cell_len(text)), palette.style(role))


def _ruled(item: Item, text: str, width: int, palette: Palette) -> list[Segment]:
    """A line across with words in it."""
    label = fitted(text, min(cell_len(text), width - 8))
    rest = width - cell_len(label) - 2
    left = 3 if item.kind == Kind.NEW else rest // 2
    role = {Kind.NEW: "accent", Kind.GAP: "bad"}.get(item.kind, "quiet")
    rule = palette.style("accent" if item.kind == Kind.NEW else "line")
    if item.kind == Kind.EDGE:
        return [Segment(fitted(" " * (left + 1) + label, width), palette.style(role))]
    return [
        Segment(_RULE * left + " ", rule),
        Segment(label, palette.style(role)),
        Segment(" " + _RULE * (rest - left), rule),
    ]
