"""Which message is the reply to which request: by order, or by number.

Pure: messages in, messages out. Both ways have the same four verbs. `ask` makes the key of a new request, `wrap` gives
the message as it travels, `match` finds the key for a message that came, and `give_up` lets a request go whose asker no
longer waits: its reply keeps its place, is known when it comes, and is counted in `late_replies`.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from landline.errors import MalformedMessage, UsageError

MOST_DIGITS = 18
"""Digits of a request number: the largest then fits a signed 64-bit integer, which every language has."""
NOBODY_ASKED = b"0 "
"""What stands before a message that answers no request."""
LARGEST_KEY = 10**MOST_DIGITS - 1
"""What a message is wrapped with to see whether it can be sent as a request, whichever number it will get."""

Replies = Literal["in_order", "numbered"]


class Requests(Protocol):
    """How the two ends of one connection tell which reply belongs to which request.

    `late_replies` counts replies to requests that were given up; `waiting` is how many requests still want theirs.
    """

    late_replies: int

    @property
    def waiting(self) -> int:
        """Requests whose reply is still wanted."""

    def ask(self) -> int:
        """Take the next place for a request. Returns its key, from 1."""

    def tell(self, count: int = 1) -> None:
        """Note that `count` messages are sent that are no requests."""

    def wrap(self, key: int | None, message: Any) -> Any:
        """The message as it travels; `key` None for one that is no request."""

    def take_back(self, key: int) -> None:
        """Undo the last `ask`, whose request could not be sent: no reply will come."""

    def give_up(self, key: int) -> None:
        """Want the reply to this request no longer; one that has its reply is left alone."""

    def match(self, message: Any) -> tuple[int | None, Any]:
        """The key of the request that this message answers (None: nobody asked), and the message as the peer meant it.

        The key of a request that was given up is returned too: whoever finds no asker for it drops the message.
        """


class InOrder:
    """The n-th reply answers the n-th message: for every service that answers each message once, and says nothing else.

    A message that is sent without asking takes a place as well, for it is answered too: that reply is nobody's, and
    comes out of `match` with the key None.
    """

    def __init__(self) -> None:
        self.late_replies = 0
        # Every message has a number, the key of a request is its number, and the n-th reply belongs to number n.
        self._sent = self._answered = 0
        self._wanted: set[int] = set()
        self._given_up: set[int] = set()

    @property
    def waiting(self) -> int:
        """Requests whose reply is still wanted."""
        return len(self._wanted)

    def ask(self) -> int:
        """Take the next place for a request. Returns its key, from 1."""
        self._sent += 1
        self._wanted.add(self._sent)
        return self._sent

    def tell(self, count: int = 1) -> None:
        """Take `count` places for messages that are no requests; none for a number below 1."""
        self._sent += max(0, count)

    def wrap(self, key: int | None, message: Any) -> Any:
        """The message itself: its place in the order says which it is."""
        return message

    def take_back(self, key: int) -> None:
        """Undo the last `ask`: its place goes too."""
        self._sent -= 1
        self._wanted.discard(key)

    def give_up(self, key: int) -> None:
        """Want the reply to this request no longer; its place stays, so that the others keep theirs."""
        if key in self._wanted:
            self._wanted.remove(key)
            self._given_up.add(key)

    def match(self, message: Any) -> tuple[int | None, Any]:
        """The key of the oldest message without a reply (None: it is no request, or there is none), and `message`."""
        if self._answered == self._sent:
            return None, message
        self._answered += 1
        key = self._answered
        if key in self._wanted:
            self._wanted.remove(key)
        elif key in self._given_up:
            self._given_up.remove(key)
            self.late_replies += 1
        else:
            return None, message
        return key, message


class Numbered:
    """Each message begins with a decimal number and a space; the reply carries the number of its request.

    Replies may come in any order, and number 0 marks a message that nobody asked for. docs/wire/requests.md draws it.
    """

    def __init__(self) -> None:
        self.late_replies = 0
        self._last = 0
        self._wanted: set[int] = set()

    @property
    def waiting(self) -> int:
        """Requests whose reply is still wanted."""
        return len(self._wanted)

    def ask(self) -> int:
        """Take the next number. Returns it, from 1."""
        # 18 digits last for thirty thousand years at a million requests a second: they need not begin again.
        self._last += 1
        self._wanted.add(self._last)
        return self._last

    def tell(self, count: int = 1) -> None:
        """Nothing to do: a message that is no request has number 0."""

    def wrap(self, key: int | None, message: bytes) -> bytes:
        """The message behind its number, 0 for one that is no request."""
        return join_number(key or 0, message)

    def take_back(self, key: int) -> None:
        """Undo the last `ask`; its number is not used again."""
        self._wanted.discard(key)

    def give_up(self, key: int) -> None:
        """Want the reply to this request no longer."""
        self._wanted.discard(key)

    def match(self, message: bytes) -> tuple[int | None, bytes]:
        """The number of the request that this message answers (None: nobody asked), and the message without it.

        Raises MalformedMessage for a number that cannot be read, or that was never asked with.
        """
        number, rest = split_number(message)
        if number == 0:
            return None, rest
        if number > self._last:
            raise MalformedMessage(f"it answers request {number}, and the last request was {self._last}", None, message)
        if number not in self._wanted:
            self.late_replies += 1
        self._wanted.discard(number)
        return number, rest


def join_number(number: int, message: bytes) -> bytes:
    """A message in its numbered form; `number` is from 0 to 10**18 - 1."""
    return b"%d %b" % (number, message)


def split_number(message: bytes) -> tuple[int, bytes]:
    """Read a message in its numbered form.

    Returns its number and what is behind it. Raises MalformedMessage if it does not begin with a number of at most 18
    digits without leading zeros, and one space.
    """
    digits, space, _ = message[: MOST_DIGITS + 1].partition(b" ")
    # `bytes.isdigit` knows the ASCII digits alone; `int` would take signs, blanks and underscores too.
    if not space or not digits.isdigit():
        raise MalformedMessage(f"no number of at most {MOST_DIGITS} digits and a space before it", None, message)
    if digits[0] == ord("0") and len(digits) > 1:
        raise MalformedMessage(f"its number {digits.decode()} begins with a zero", None, message)
    return int(digits), message[len(digits) + 1 :]


def parse_replies(replies: str) -> type[InOrder] | type[Numbered]:
    """The way that `replies` names: `in_order` or `numbered`. Raises UsageError for another."""
    if replies == "in_order":
        return InOrder
    if replies == "numbered":
        return Numbered
    raise UsageError(f"replies cannot be {replies!r}; it must be 'in_order' or 'numbered'")
