"""The web's side of a chat: HTTP for the page, WebSocket (RFC 6455) for what it says, one request or notice a message.

The bytes of both are those of the library `websockets`, which reads and writes them without a socket.
"""

from __future__ import annotations

import re
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from landline.chat.bounds import MOST_REQUEST_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Heard
from landline.chat.jsonfront import refusal
from landline.chat.notices import Notice, encode_notice
from landline.chat.website import Answer, Asking, Site, answer, guards, refuse_method, sentence
from landline.chat.wire import BadRequest, decode_request
from landline.errors import ChatError

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Request as HttpRequest
    from websockets.server import ServerProtocol

MOST_HEAD_BYTES = 16 * 1024
"""The lines of one HTTP request; a browser sends about one KiB."""
MOST_REASON_CHARACTERS = 30
"""The reason in a close frame; it has at most 123 bytes."""
PING_SECONDS = 20
"""Between pings: middle boxes forget a silent connection, the hastiest after 30 seconds."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_PING = b"\x89\x00"
_BINARY = 2
_FIRST_CONTROL = 8
_CLOSES = {
    "quit": 1000, "replaced": 1000, "idle": 1001, "kicked_out": 1008, "refused": 1008, "too_long": 1009,
    "restart": 1012, "slow": 4008,
}  # fmt: skip


def require_websockets() -> None:
    """Make sure that the library is there. Raises ChatError."""
    try:
        import websockets.server  # noqa: F401
    except ImportError:
        raise ChatError(
            "the web page of a chat needs the package websockets; install it with: pip install 'landline[chat]'"
        ) from None


def show_web(notice: Notice) -> bytes:
    """Write a notice as one WebSocket message. Servers do not mask (RFC 6455, 5.1), so all pages share the bytes."""
    document = encode_notice(notice)
    length = len(document)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + document
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length) + document
    return struct.pack("!BBQ", 0x81, 127, length) + document


class WebFront:
    """One connection of a browser: one request for a file of the page, or a WebSocket.

    Raises ChatError if the library `websockets` is not installed.
    """

    family = Family.WEB
    is_person = False

    __slots__ = ("_caller", "_head", "_is_over", "_is_saying_bye", "_looked", "_pinged", "_said", "_site",
                 "_socket", "_waits_for_pong")  # fmt: skip

    def __init__(self, caller: Caller, site: Site) -> None:
        require_websockets()
        self._caller = caller
        self._site = site
        self._head = bytearray()
        self._looked = 0
        self._socket: ServerProtocol | None = None
        self._said = bytearray()
        self._is_over = False
        self._is_saying_bye = False
        self._pinged = float("-inf")
        self._waits_for_pong = False

    @property
    def is_open(self) -> bool:
        """Whether this is a WebSocket by now."""
        return self._socket is not None

    def begin(self) -> list[Heard]:
        """Nothing is heard before the first request."""
        return []

    def received(self, data: bytes) -> list[Heard]:
        """What these bytes bring: answers to send, Begin with the WebSocket, requests, or the end."""
        if self._is_over:
            return []
        self._waits_for_pong = False
        if self._socket is not None:
            return self._speak(self._socket, data)
        self._head += data
        head = self._next_head()
        if head is not None:
            heard = self._ask(head)
            return heard if self._socket is None else heard + self._speak(self._socket, bytes(self._head))
        if len(self._head) <= MOST_HEAD_BYTES:
            return []
        text = f"The lines of a request have at most {MOST_HEAD_BYTES} bytes."
        return self._answer(_protocol(), sentence(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text), None)

    def ended(self) -> list[Heard]:
        """The browser has gone."""
        return self._finish("the browser has gone")

    def told(self, notice: Notice) -> None:
        """A page keeps its own count of rooms; there is nothing to learn."""

    def goodbye(self, code: str) -> bytes:
        """A close frame with 1000, or 1001 (idle), 1008 (refused, kicked out), 1009 (too long), 1012 (restart) or
        4008 (slow).

        Nothing where there is no WebSocket. What the page says afterwards is not heard any more.
        """
        if self._socket is None or self._is_saying_bye or self._is_over:
            return b""
        self._is_saying_bye = True
        self._socket.send_close(_CLOSES.get(code, 1000), code[:MOST_REASON_CHARACTERS])
        return b"".join(self._socket.data_to_send())

    def tick(self, now: float) -> list[Heard]:
        """Called every few seconds with the steady time in seconds: now and then a ping, which browsers answer unasked;
        the end if nothing at all has come for PING_SECONDS since one."""
        is_silent = self._is_over or self._is_saying_bye
        if self._socket is None or is_silent or now - self._pinged < PING_SECONDS:
            return []
        if self._waits_for_pong:
            return self._finish(f"no answer to a ping for {PING_SECONDS} seconds")
        self._waits_for_pong = True
        self._pinged = now
        return [_PING]

    def _finish(self, reason: str) -> list[Heard]:
        if self._is_over:
            return []
        self._is_over = True
        return [Finish(reason)]

    def _next_head(self) -> bytes | None:
        while self._head.startswith((b"\r", b"\n")):  # "ignore at least one empty line", RFC 9112, 2.2
            del self._head[:1]
        end = _HEAD_END.search(self._head, max(0, self._looked - 3))
        self._looked = len(self._head)
        if end is None or end.end() > MOST_HEAD_BYTES:
            return None
        head = bytes(self._head[: end.end()])
        del self._head[: end.end()]
        return head

    def _ask(self, head: bytes) -> list[Heard]:
        """Answer one whole request, or open the WebSocket it asks for."""
        protocol = _protocol()
        protocol.receive_data(head)
        events = protocol.events_received()
        if not events:
            return self._answer(protocol, _refuse_request(head), None)
        request = cast("HttpRequest", events[0])
        asking = _asking_of(request)
        said = answer(asking, self._caller, self._site)
        if said is not None:
            return self._answer(protocol, said, asking)
        response = protocol.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return self._answer(protocol, _refuse_upgrade(HTTPStatus(response.status_code)), asking)
        protocol.send_response(response)
        self._socket = protocol
        return [b"".join(protocol.data_to_send()), Begin()]

    def _answer(self, protocol: ServerProtocol, said: Answer, asking: Asking | None) -> list[Heard]:
        """Write an answer, the only one on this connection; the library knows the date, all else of it is ours.

        A browser that could go on with a connection would leave others unused, which it opened for the same page: a
        caller who says nothing is greeted in plain text, and the next request on that connection gets this as answer.
        """
        response = protocol.reject(said.status, "")
        headers = {"Date": response.headers["Date"], **guards(asking.headers.get("host", "") if asking else "")}
        headers |= {"Connection": "close", **said.headers}
        if said.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(len(said.body))
        response.headers = type(response.headers)(headers)
        response.body = b"" if asking is not None and asking.method == "HEAD" else said.body
        return [response.serialize(), *self._finish(f"answered with {said.status.value}")]

    def _speak(self, socket: ServerProtocol, data: bytes) -> list[Heard]:
        """Frames in; out come requests, and what the library answers by itself: pongs, and the echo of a close."""
        socket.receive_data(data)
        heard: list[Heard] = []
        for frame in socket.events_received():
            heard += self._hear(socket, cast("Frame", frame))
        written = b"".join(socket.data_to_send())
        if written:
            heard.append(written)
        return heard + self._finish(_reason_of(socket)) if socket.eof_sent else heard

    def _hear(self, socket: ServerProtocol, frame: Frame) -> list[Heard]:
        """One frame of a message, or of the protocol itself; the library has seen to order and size."""
        if self._is_saying_bye or frame.opcode >= _FIRST_CONTROL:
            return []
        if frame.opcode == _BINARY:
            return self._fail(socket, 1003, "requests are JSON in text messages")
        self._said += frame.data
        if not frame.fin:
            return []
        document, self._said = bytes(self._said), bytearray()
        try:
            return [decode_request(document.decode())]
        except UnicodeDecodeError as error:
            return self._fail(socket, 1007, f"{error.reason} at byte {error.start}")
        except BadRequest as error:
            return [refusal(error)]

    def _fail(self, socket: ServerProtocol, code: int, reason: str) -> list[Heard]:
        self._is_saying_bye = True
        socket.fail(code, reason)
        return []


def _protocol() -> ServerProtocol:
    from websockets.server import ServerProtocol

    return ServerProtocol(max_size=MOST_REQUEST_BYTES)


def _asking_of(request: HttpRequest) -> Asking:
    headers: dict[str, str] = {}
    for name, value in request.headers.raw_items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Asking(request.method, request.path, headers, is_old=request.protocol == "HTTP/1.0")


def _refuse_request(head: bytes) -> Answer:
    """Say no to a head that the library does not take. One with a body is known by its method."""
    method = head.partition(b" ")[0]
    if method.isalpha() and method not in (b"GET", b"HEAD") and len(method) < 16:
        return refuse_method()
    return sentence(HTTPStatus.BAD_REQUEST, "This is no request of HTTP/1.1 without a body.")


def _refuse_upgrade(status: HTTPStatus) -> Answer:
    extra = {HTTPStatus.UPGRADE_REQUIRED: {"Upgrade": "websocket"}, HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "GET"}}
    return sentence(status, "This is the address of a WebSocket (RFC 6455, version 13).", **extra.get(status, {}))


def _reason_of(socket: ServerProtocol) -> str:
    if socket.close_sent is not None and not socket.close_rcvd_then_sent:
        return f"closed with {socket.close_sent.code}"
    return f"closed by the page with {socket.close_rcvd.code if socket.close_rcvd else 1006}"
