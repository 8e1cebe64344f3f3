"""Keys and commands, in words. Pure."""

from __future__ import annotations

from landline.chat.terminal.listing import Row

KEYS = (
    ("Enter", "say what is written"),
    ("Tab", "complete a name, a room or a command; again: the next one"),
    ("↑ ↓", "what you wrote before"),
    ("PgUp PgDn", "scroll; the wheel does it too"),
    ("Ctrl+Home", "the oldest that is loaded; more is loaded as you go up"),
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
COMMANDS = (
    ("/join ROOM", "enter a room; a new one is opened"),
    ("/leave [ROOM]", "leave a room"),
    ("/msg NICK TEXT", "write to one person"),
    ("/nick NICK", "take another nick"),
    ("/who [ROOM]", "who is here"),
    ("/rooms", "which rooms there are"),
    ("/search WORDS", "where this was said"),
    ("/register", "make the nick your own; the password is asked for, unseen"),
    ("/login [NICK]", "be the owner of a nick"),
    ("/logout", "be a guest again"),
    ("/password", "change the password"),
    ("/topic [ROOM] TEXT", "say what the room is about"),
    ("/kick NICK [REASON]", "put somebody out (moderators, as what follows)"),
    ("/ban NICK [10m] [REASON]", "keep somebody out; /unban NICK"),
    ("/mute NICK [10m]", "let somebody read only; /unmute NICK"),
    ("/slow SECONDS", "one message in so many seconds; 0 ends it"),
    ("/op NICK", "make a moderator; /deop NICK"),
    ("/sanctions", "who is banned or muted"),
    ("/audit", "who did what"),
    ("/bot NAME", "make a bot, or give it another token; /unbot NAME"),
    ("//TEXT", "say /TEXT"),
    ("/quit", "quit"),
)
MOUSE = "To copy with the mouse, hold Shift (in some terminals Alt or Option) while you drag."


def help_rows() -> list[Row]:
    """All of it, as rows of a list."""
    rows = [Row("", "Keys")]
    rows += [Row(f"key {number}", f"{keys:<26}{what}") for number, (keys, what) in enumerate(KEYS)]
    rows += [Row("", ""), Row("", "Commands")]
    rows += [Row(command, f"{command:<26}{what}") for command, what in COMMANDS]
    return [*rows, Row("", ""), Row("", MOUSE)]
