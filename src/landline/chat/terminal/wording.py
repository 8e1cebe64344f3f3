"""Sentences of the terminal client. Pure; what others wrote is made safe where it is shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from landline.chat.changes import Gone, RoomLeft
from landline.chat.notices import Changed

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WHY_NOT = {
    "epoch": "the server's history is not the one known here",
    "ahead": "the server knows less than was known here",
    "too_many": "more came than is sent at once; scroll up to load it",
}


def day_words(when: datetime) -> str:
    """A day, such as `Saturday, 21 November 2026`: the same in every locale, as all other words are."""
    return f"{_DAYS[when.weekday()]}, {when.day} {_MONTHS[when.month - 1]} {when.year}"


def seconds_words(seconds: float) -> str:
    """A length of time: `12 s`, `3 min`, `2 h 5 min`, `4 days`."""
    whole = max(1, round(seconds)) if seconds > 0 else 0
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def back_words(seconds: float, count: int, missed: dict[str, str]) -> str:
    """What to say when the connection is back: whether anything was missed."""
    begin = f"Back after {seconds_words(seconds)}: "
    if not missed:
        return f"{begin}{came_words(count)}."
    rooms = "; ".join(f"{room}: {WHY_NOT.get(why, why)}" for room, why in missed.items())
    return f"{begin}{count} messages came meanwhile. Not recovered: {rooms}."


def came_words(count: int) -> str:
    """How many messages came while the connection was away, none of which is missing."""
    came = {0: "nothing came meanwhile", 1: "one message came meanwhile, it is here"}
    return came.get(count, f"{count} messages came meanwhile, all are here")


def names_words(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence: `anna, bert and 3 more`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def typing_words(names: Sequence[str]) -> str:
    """Who types."""
    if not names:
        return ""
    return f"{names_words(names, 2)} {'is' if len(names) == 1 else 'are'} typing …"


def presence_words(came: Collection[str], went: Collection[str]) -> str:
    """Who has come and gone."""
    parts = [f"{names_words(list(names))} {verb}" for names, verb in ((came, "came"), (went, "left")) if names]
    return ", ".join(parts)


def lost_words(seconds: float, text: str, waiting: int) -> str:
    """What stands at the lower edge while there is no connection."""
    held = {0: "", 1: " One message waits."}.get(waiting, f" {waiting} messages wait.")
    again = f"Trying again in {seconds_words(seconds)}." if seconds >= 0.5 else "Trying again."
    return f"No connection. {again}{held} ({text.rstrip('.')})"


def until_words(until: float | None, clock: str) -> str:
    """How long a ban or a mute lasts: `clock` is the time of its end, for one that has an end."""
    return f" until {clock}" if until else " for good"


def changed_words(changed: Changed, me: str, clock: str = "") -> str:
    """What a moderator has done; `me` is one's own id, `clock` the time of the end of a ban or mute."""
    who = "you" if changed.id and changed.id == me else changed.nick
    reason = f": {changed.reason}" if changed.reason else ""
    until = until_words(changed.until, clock)
    sentences = {
        "kick": f"{changed.by} put {who} out of the room{reason}",
        "ban": f"{changed.by} banned {who}{until}{reason}",
        "unban": f"{changed.by} let {who} in again",
        "mute": f"{changed.by} muted {who}{until}{reason}",
        "unmute": f"{changed.by} let {who} speak again",
        "op": f"{changed.by} made {who} a moderator",
        "deop": f"{changed.by} made {who} an ordinary member again",
        "topic": f"{changed.by} set the topic: {changed.value}",
        "motd": f"Message of the day, by {changed.by}: {changed.value}",
        "slow": f"{changed.by} slowed the room: one message in {_number(changed.value)} s"
        if changed.value
        else f"{changed.by} ended slow mode",
    }
    return sentences.get(changed.what, f"{changed.by}: {changed.what} {who}")


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def left_words(left: RoomLeft, clock: str = "") -> str:
    """Why one is not in a room any more."""
    reason = f": {left.reason}" if left.reason else ""
    if not left.by:
        return "You have left this room."
    banned = f", and banned{until_words(left.banned_until, clock)}" if left.banned_until is not None else ""
    return f"{left.by} has put you out of this room{banned}{reason}"


def gone_words(gone: Gone) -> str:
    """The server has ended the session."""
    if gone.retry is None:
        return gone.text
    return f"{gone.text.rstrip('.')}. This program comes back by itself; nothing is lost."
