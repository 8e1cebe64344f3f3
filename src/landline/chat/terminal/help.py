"""Keys and commands, in words. Pure."""

from __future__ import annotations

from landline.chat.lines import COMMANDS
from landline.chat.terminal.rows import Row

KEYS = (
    ("Enter", "say what is written"),
    ("Tab", "complete names, rooms, commands; again: the next"),
    ("↑ ↓", "what you wrote before"),
    ("PgUp PgDn", "scroll; the wheel does it too"),
    ("Ctrl+Home", "the oldest that is loaded; going up loads more"),
    ("End", "the newest (in the middle of a line: its end)"),
    ("Ctrl+N Ctrl+P", "next room, previous room"),
    ("F5", "next room with something new, mentions first"),
    ("F2", "rooms: show them, choose one; again: hide them"),
    ("F3", "members: show them, Enter for what can be done"),
    ("F4", "search; Enter goes to the place"),
    ("F6", "all rooms there are"),
    ("F1", "this help; so does a line with nothing but ?"),
    ("Esc", "back to the line"),
    ("Ctrl+C", "empties the line; twice on an empty one: quit"),
    ("Ctrl+Q", "quit"),
)
_HIDDEN = {"register": "", "login": "[NICK]", "password": ""}
"""Passwords are asked for, and do not show."""
_UNNEEDED = frozenset({"history", "since", "resume"})
"""Scrolling does this here."""
MOUSE = ("To copy with the mouse, hold Shift while you drag", "(in some terminals Alt or Option).")


def help_rows() -> list[Row]:
    """All of it, as rows of a list."""
    rows = [Row("", "Keys")]
    rows += [Row(f"key {number}", f"{keys:<15}{what}") for number, (keys, what) in enumerate(KEYS)]
    rows += [Row("", ""), Row("", "Commands")]
    rows += [
        Row(f"/{name}", f"{_usage(name, command.arguments):<30} {command.purpose}")
        for name, command in COMMANDS.items()
        if name not in _UNNEEDED
    ]
    return [*rows, Row("", ""), *(Row("", line) for line in MOUSE)]


def _usage(name: str, arguments: str) -> str:
    return f"/{name} {_HIDDEN.get(name, arguments)}".strip()
