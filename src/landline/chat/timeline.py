"""Messages of one room by their seq: each once, in order, and the holes between them known. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from landline.chat.notices import Message

MOST_KEPT = 2000
"""Messages of one room in memory; a page of history brings back what was let go."""
MOST_WHILE_READING = 4000
NEAR = 1000
"""Messages on each side of the one that is read, and at the end, which are kept when somebody reads far up."""


def _seq(message: Message) -> int:
    return message.seq


class Timeline:
    """Messages in the order of their seq. Indexing and iterating gives them, oldest first."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __getitem__(self, index: int) -> Message:
        return self._messages[index]

    def __contains__(self, seq: int) -> bool:
        return self.get(seq) is not None

    @property
    def first(self) -> int:
        """The seq of the oldest message; 0 if there is none."""
        return self._messages[0].seq if self._messages else 0

    @property
    def last(self) -> int:
        """The seq of the newest message; 0 if there is none."""
        return self._messages[-1].seq if self._messages else 0

    def add(self, message: Message) -> bool:
        """Put a message in its place. Returns False if it is there already."""
        if message.seq > self.last:
            self._messages.append(message)
            return True
        place = self.index(message.seq)
        if self._messages[place].seq == message.seq:
            return False
        self._messages.insert(place, message)
        return True

    def get(self, seq: int) -> Message | None:
        """The message with this seq, if it is here."""
        place = self.index(seq)
        return self._messages[place] if place < len(self) and self._messages[place].seq == seq else None

    def index(self, seq: int) -> int:
        """Where the message with this seq stands, or would stand."""
        return bisect_left(self._messages, seq, key=_seq)

    def between(self, first: int, last: int) -> list[Message]:
        """The messages from seq `first` to seq `last` that are here. Returns them oldest first."""
        return self._messages[self.index(first) : self.index(last + 1)]

    def newest(self, count: int) -> list[Message]:
        """The last `count` messages. Returns the newest first."""
        return self._messages[: -count - 1 : -1]

    def gaps(self) -> list[tuple[int, int]]:
        """The holes between messages that are here: the first and the last seq of each that is not."""
        pairs = zip(self._messages, self._messages[1:], strict=False)
        return [(one.seq + 1, two.seq - 1) for one, two in pairs if two.seq > one.seq + 1]

    def clear(self) -> None:
        """Let all messages go."""
        self._messages.clear()

    def trim(self, reading: int | None) -> tuple[int, int] | None:
        """Let messages go if there are too many: the oldest ones, or those between the newest and what is read.

        `reading` is the seq of what somebody reads (None: the newest). Returns the first and the last seq that went.
        """
        if reading is None:
            return self._cut(0, len(self) - MOST_KEPT)
        if len(self) <= MOST_WHILE_READING:
            return None
        place = self.index(reading)
        # What stands above is let go first: whoever reads on comes to what stands below.
        return self._cut(0, place - NEAR) or self._cut(place + NEAR, len(self) - NEAR)

    def _cut(self, start: int, stop: int) -> tuple[int, int] | None:
        if stop <= start:
            return None
        gone = self._messages[start].seq, self._messages[stop - 1].seq
        del self._messages[start:stop]
        return gone
