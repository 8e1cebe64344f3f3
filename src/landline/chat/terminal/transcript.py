"""What a room's scroll-back shows, made of what one knows of the room. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from landline.chat.completing import mentions
from landline.chat.notices import Message
from landline.chat.roomview import RoomView
from landline.chat.terminal.items import AT_THE_END, Item, Key, Kind
from landline.chat.terminal.safe import shown, shown_lines
from landline.chat.terminal.wording import day_words
from landline.chat.view import Me, Pending

MOST_WORDS = 500
"""Words of the program and the server kept in one room."""
TOGETHER_SECONDS = 300
"""Messages of one person so close behind each other stand under one name."""
_BEGIN: Key = (0, -9, 0)


@dataclass(slots=True)
class _Word:
    """A word that stands behind message `after`."""

    after: int
    number: int
    kind: Kind
    text: str
    group: str = ""


@dataclass(slots=True)
class _Made:
    """A message with what is needed to see whether its item is still right."""

    message: Message
    item: Item
    day: int
    minute: str
    is_head: bool
    has_time: bool


@dataclass(slots=True)
class Transcript:
    """One room. `marker` is the seq behind which the line for what is new stands (None: no line). `zone` is the time
    zone of the times shown (None: that of this machine)."""

    zone: tzinfo | None = None
    marker: int | None = None
    is_behind: bool = False
    """Whether something new was said that was not read yet."""
    _words: list[_Word] = field(default_factory=list)
    _made: dict[int, _Made] = field(default_factory=dict)
    _words_made: dict[int, Item] = field(default_factory=dict)
    _count: int = 0
    _nick: str = ""

    def tell(self, room: RoomView | None, text: str, kind: Kind = Kind.WORD, group: str = "") -> None:
        """Add a word of the program or server behind the newest message. The text may have been said by others.

        Words of one `group` that follow each other become one line.
        """
        after = room.position if room is not None else 0
        last = self._words[-1] if self._words else None
        if group and last is not None and (last.group, last.after) == (group, after) and len(last.text) < 300:
            last.text += f" · {shown_lines(text)}"
            self._words_made.pop(last.number, None)
            return
        self._count += 1
        self._words.append(_Word(after, self._count, kind, shown_lines(text), group))
        for word in self._words[:-MOST_WORDS]:
            self._words_made.pop(word.number, None)
        del self._words[:-MOST_WORDS]

    def items(self, room: RoomView, me: Me, pending: Iterable[Pending] = ()) -> list[Item]:
        """All there is to show, in order."""
        if me.nick != self._nick:
            self._made.clear()
            self._nick = me.nick
        items = [self._edge(room)]
        words = iter(self._words)
        word = next(words, None)
        before: _Made | None = None
        for message in room.messages:
            while word is not None and word.after < message.seq:
                items.append(self._word(word))
                before, word = _apart(before), next(words, None)
            self._rules(items, before, message)
            before = self._message(before, message, me, is_new=items[-1].kind == Kind.NEW)
            items.append(before.item)
        while word is not None:
            items.append(self._word(word))
            word = next(words, None)
        items.extend(_waiting(pending, me))
        self._forget(room)
        return items

    def _edge(self, room: RoomView) -> Item:
        if room.has_older:
            return Item(_BEGIN, Kind.EDGE, "earlier messages are on their way …")
        return Item(_BEGIN, Kind.EDGE, f"the beginning of {shown(room.title)}")

    def _word(self, word: _Word) -> Item:
        item = self._words_made.get(word.number)
        if item is None:
            item = self._words_made[word.number] = Item((word.after, 1, word.number), word.kind, word.text)
        return item

    def _rules(self, items: list[Item], before: _Made | None, message: Message) -> None:
        """The lines across that stand above a message."""
        made = self._made.get(message.seq)
        day = made.day if made is not None else self._time(message).toordinal()
        if before is not None and message.seq > before.message.seq + 1:
            missing = message.seq - before.message.seq - 1
            text = "one message in between is" if missing == 1 else f"{missing} messages in between are"
            items.append(Item((message.seq, -3, 0), Kind.GAP, f"{text} not loaded"))
        if before is None or day != before.day:
            items.append(Item((message.seq, -2, 0), Kind.DAY, day_words(self._time(message))))
        marker = self.marker
        if marker is not None and message.seq > marker and (before is None or before.message.seq <= marker):
            items.append(Item((message.seq, -1, 0), Kind.NEW, "new"))

    def _message(self, before: _Made | None, message: Message, me: Me, *, is_new: bool) -> _Made:
        made = self._made.get(message.seq)
        if made is None or made.message is not message:
            when = self._time(message)
            made = _Made(message, _item(message, me), when.toordinal(), f"{when:%H:%M}", False, False)
            self._made[message.seq] = made
        is_head = is_new or before is None or made.item.is_mention or _begins(before, made)
        has_time = is_head or before is None or made.minute != before.minute
        if (is_head, has_time) != (made.is_head, made.has_time):
            made.is_head, made.has_time = is_head, has_time
            made.item.who = shown(message.nick) if is_head else ""
            made.item.time = made.minute if has_time else ""
        return made

    def _time(self, message: Message) -> datetime:
        # A server may say anything; a year that there is not must not end the program.
        try:
            return datetime.fromtimestamp(message.time, self.zone)
        except (OverflowError, ValueError, OSError):
            return datetime.fromtimestamp(0, self.zone)

    def _forget(self, room: RoomView) -> None:
        if len(self._made) > 2 * len(room.messages) + 100:
            self._made = {seq: made for seq, made in self._made.items() if seq in room.messages}


def _item(message: Message, me: Me) -> Item:
    is_own = message.sender == me.id
    return Item(
        (message.seq, 0, 0),
        Kind.MESSAGE,
        shown_lines(message.body),
        person=message.sender,
        is_own=is_own,
        is_mention=not is_own and mentions(message.body, me.nick),
    )


def _begins(before: _Made, made: _Made) -> bool:
    """Whether a message begins anew, with a name: somebody else's, or a while later."""
    one, two = before.message, made.message
    return (
        one.sender != two.sender
        or one.nick != two.nick
        or two.time - one.time > TOGETHER_SECONDS
        or two.seq != one.seq + 1
        or before.day != made.day
    )


def _apart(before: _Made | None) -> _Made | None:
    """Behind a word, the next message has a name again."""
    if before is None:
        return None
    nobody = Message(room="", seq=before.message.seq, epoch="", id="", time=0.0, sender="", nick="", body="")
    return _Made(nobody, before.item, before.day, "", True, True)


def _waiting(pending: Iterable[Pending], me: Me) -> Sequence[Item]:
    items = []
    for number, one in enumerate(pending):
        is_failed = one.state == "failed"
        body = shown_lines(one.body) + (f"\nnot sent: {shown(one.why)}" if is_failed else "")
        kind = Kind.FAILED if is_failed else Kind.WAITING
        items.append(Item((AT_THE_END, 0, number), kind, body, who=shown(me.nick), is_own=True))
    return items
