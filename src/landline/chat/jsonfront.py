"""Lines of JSON: what programs speak. Each line is one request or one notice; docs/wire/chat.md specifies them."""

from __future__ import annotations

from codecs import BOM_UTF8

from landline.chat.bounds import MOST_REQUEST_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Heard
from landline.chat.notices import Notice, Refused, encode_notice
from landline.chat.sanitising import clean_line
from landline.chat.splitting import Splitter
from landline.chat.wire import BadRequest, decode_request

_MOST_PROBLEM_CHARACTERS = 300


class JsonFront:
    """A session in lines of JSON. A line that is no request is refused, and the session goes on."""

    __slots__ = ("_is_done", "_lines", "caller", "family", "is_person")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.family = Family.JSON
        self.is_person = False
        self._lines = Splitter(MOST_REQUEST_BYTES)
        self._is_done = False

    def begin(self) -> list[Heard]:
        """What is heard before any byte: it is a session at once."""
        return [Begin()]

    def received(self, data: bytes) -> list[Heard]:
        """What these bytes bring: requests, and refusals of what is none. A line over 64 KiB ends the session."""
        if self._is_done:
            return []
        heard = [one for line in self._lines.feed(data) for one in _heard(line)]
        if self._lines.is_over:
            self._is_done = True
            problem = f"this line is longer than {MOST_REQUEST_BYTES} bytes; a body has at most 4096"
            heard += [Refused(code="too_long", text=problem), Finish("too_long")]
        return heard

    def ended(self) -> list[Heard]:
        """The program sends no more; its last line counts without its end."""
        return [] if self._is_done else _heard(self._lines.rest())

    def told(self, notice: Notice) -> None:
        """Nothing has to be remembered."""

    def goodbye(self, code: str) -> bytes:
        """The notice before has said it all."""
        return b""


def show_json(notice: Notice) -> bytes:
    """Write a notice as a line of JSON, its end included."""
    return encode_notice(notice) + b"\n"


def refusal(error: BadRequest) -> Refused:
    """What is said to a document that is no request."""
    return Refused(code="bad_request", text=clean_line(error.problem, _MOST_PROBLEM_CHARACTERS), ref=error.ref)


def _heard(line: bytes) -> list[Heard]:
    """What a line brings: nothing, if it is empty."""
    line = line.removeprefix(BOM_UTF8).strip()
    if not line:
        return []
    try:
        return [decode_request(line)]
    except BadRequest as error:
        return [refusal(error)]
