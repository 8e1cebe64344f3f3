"""Plain text: what nc and telnet speak. Lines of people become requests; `lines.py` says which."""

from __future__ import annotations

import re
from codecs import BOM_UTF8

import msgspec

from landline.chat.bounds import MOST_LINE_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Heard, Switch
from landline.chat.jsonfront import JsonFront
from landline.chat.lines import parse_line
from landline.chat.names import LOBBY, clean_room
from landline.chat.notices import Bye, Joined, Left, Notice, Refused
from landline.chat.sanitising import clean_text
from landline.chat.splitting import Splitter
from landline.chat.telnet import Telnet
from landline.chat.wire import Join, Ref, Resume
from landline.errors import NameRefused

_BLANK = b" \t\r\n" + BOM_UTF8
_JSON = re.compile(rb'\{[ \t]*"')
_UNDECIDED = re.compile(rb"\{?[ \t]*")

_REQUEST = re.compile(rb"[A-Z]+ [^ ]+ HTTP/[0-9.]+", re.IGNORECASE)
_OF_BROWSER = "this came too late for a browser: it is a conversation in plain text by now; call again"


class LineFront:
    """A session in plain text.

    What is no command goes to the current room: the one that was entered last, or, when that was left, the one before.
    A room counts from when it is asked for, not from the answer: what is pasted behind `/join` must not go elsewhere.
    A program that was slow, and therefore taken for a person, is known by its first bytes: from then on it is heard as
    `JsonFront` would, behind a Switch.
    """

    __slots__ = ("_is_done", "_is_first", "_is_fresh", "_json", "_lines", "_number", "_rooms", "_telnet", "_wishes",
                 "caller", "family", "is_person")  # fmt: skip

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.family = Family.TEXT
        self.is_person = True
        self._telnet = Telnet()
        self._lines = Splitter(MOST_LINE_BYTES)
        self._json: JsonFront | None = None
        self._rooms: list[str] = []
        self._wishes: dict[Ref, str] = {}
        self._number = 0
        self._is_first = True
        self._is_fresh = True
        self._is_done = False

    @property
    def room(self) -> str | None:
        """The current room, if there is one."""
        rooms = [*self._wishes.values()] or self._rooms
        return rooms[-1] if rooms else None

    def begin(self) -> list[Heard]:
        """What is heard before any byte: it is a session at once, and on its way to the lobby."""
        self._wishes[None] = LOBBY
        return [Begin()]

    def received(self, data: bytes) -> list[Heard]:
        """What these bytes bring: requests, help, and refusals of what is none. A line over 16 KiB ends the session."""
        if self._json is not None:
            return self._json.received(data)
        if self._is_done:
            return []
        if self._is_fresh and self._opens_json(data):
            self._json, self.family = JsonFront(self.caller), Family.JSON
            return [Switch(Family.JSON), *self._json.received(self._lines.held + data)]
        lines = self._lines.feed(self._telnet.feed(data))
        if self._is_first and self._is_of_browser(lines):
            self._is_done = True
            return [Bye(code="refused", text=_OF_BROWSER), Finish("a request of HTTP, too late")]
        heard = [one for line in lines for one in self._heard(line)]
        if self._lines.is_over:
            self._is_done = True
            heard += [Bye(code="too_long", text=f"a line has at most {MOST_LINE_BYTES} bytes"), Finish("too_long")]
        return heard

    def ended(self) -> list[Heard]:
        """The person sends no more; the last line counts without its end."""
        if self._json is not None:
            return self._json.ended()
        return [] if self._is_done else self._heard(self._lines.rest())

    def told(self, notice: Notice) -> None:
        """Learn which room is the current one."""
        if isinstance(notice, Joined | Refused):
            self._wishes.pop(notice.ref, None)
        if isinstance(notice, Joined | Left) and notice.room in self._rooms:
            self._rooms.remove(notice.room)
        if isinstance(notice, Joined) and not notice.room.startswith("@"):
            self._rooms.append(notice.room)

    def goodbye(self, code: str) -> bytes:
        """The lines before have said it all."""
        return b""

    def _opens_json(self, data: bytes) -> bool:
        # What telnet sends is no blank: a session in which it was heard is never fresh.
        start = (self._lines.held + data).lstrip(_BLANK)
        self._is_fresh = _UNDECIDED.fullmatch(start) is not None
        return _JSON.match(start) is not None

    def _is_of_browser(self, lines: list[bytes]) -> bool:
        """Whether the first of these lines that is not empty is a request of HTTP.

        Browsers open connections before they need them, which are taken for a person's meanwhile. Any page may let
        them send to this one later: what stands in such a request are no commands of a person.
        """
        first = next(filter(None, map(bytes.strip, lines)), None)
        self._is_first = first is None
        return first is not None and _REQUEST.fullmatch(first) is not None

    def _heard(self, line: bytes) -> list[Heard]:
        """What a line brings: nothing, if it is empty."""
        text = clean_text(line.decode("utf-8", "replace"))
        if not text.strip():
            return []
        self._is_fresh = False
        heard = parse_line(text, self.room)
        return [self._wished(heard) if isinstance(heard, Join | Resume) else heard]

    def _wished(self, request: Join | Resume) -> Join | Resume:
        """The room that is asked for is the current one; the answer comes with this `ref`."""
        try:
            room = clean_room(request.room)
        except NameRefused:
            return request
        self._number += 1
        ref = f"line {self._number}"
        self._wishes[ref] = room
        return msgspec.structs.replace(request, ref=ref)
