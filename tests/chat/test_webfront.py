"""The web's side of a session: HTTP and WebSocket, whole and byte by byte, from browsers and from others."""

import builtins
import json
import random
import struct
from collections.abc import Iterable
from typing import Any

import pytest

from landline.chat.bounds import MOST_REQUEST_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Front, Heard
from landline.chat.notices import Announcement, Notice, Pong, Refused, decode_notice
from landline.chat.webfront import MOST_HEAD_BYTES, PING_SECONDS, WebFront, show_web
from landline.chat.website import File, Site
from landline.chat.wire import Hello, Ping, Request, Say, encode_request
from landline.errors import ChatError

CALLER = Caller("127.0.0.1", is_local=True, is_secure=True)
SITE = Site({"/": File("text/html; charset=utf-8", b"<p>page</p>", '"tag"')})
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
MASK = b"\x11\x22\x33\x44"
HELLO = Hello(nick="anna")


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, mask: bytes = MASK, reserved: int = 0) -> bytes:
    """A frame as a client sends it (RFC 6455, 5.2)."""
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    masked = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([masked | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", masked | 126, len(payload))
    else:
        head += struct.pack("!BQ", masked | 127, len(payload))
    return head + mask + (bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload)


def said(request: Request) -> bytes:
    return frame(encode_request(request))


def opened() -> WebFront:
    front = WebFront(CALLER, SITE)
    heard = front.received(UPGRADE)
    assert heard[1:] == [Begin()]
    return front


def feed(front: WebFront, pieces: Iterable[bytes]) -> list[Heard]:
    return [one for piece in pieces for one in front.received(piece)]


def written(heard: Iterable[Heard]) -> bytes:
    return b"".join(one for one in heard if isinstance(one, bytes))


def answers(data: bytes) -> list[tuple[str, dict[str, str], bytes]]:
    """Status line, headers and body of each HTTP answer."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("Content-Length", "0"))
        found.append((first, headers, data[:length]))
        data = data[length:]
    return found


def one_answer(data: bytes, site: Site = SITE) -> tuple[str, dict[str, str], bytes, list[Heard]]:
    heard = WebFront(CALLER, site).received(data)
    [(status, headers, body)] = answers(written(heard))
    return status, headers, body, heard


def test_it_is_a_front() -> None:
    front: Front = WebFront(CALLER, SITE)
    assert (front.family, front.is_person) == (Family.WEB, False)
    assert front.begin() == []
    assert front.goodbye("quit") == b""
    front.told(Pong())


def test_a_file() -> None:
    status, headers, body, heard = one_answer(GET)
    assert status == "HTTP/1.1 200 OK"
    assert body == b"<p>page</p>"
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Connection"] == "close"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Date"].endswith(" GMT")
    assert heard[1:] == [Finish("answered with 200")]


def test_head_has_the_length_and_no_body() -> None:
    heard = WebFront(CALLER, SITE).received(GET.replace(b"GET", b"HEAD"))
    head, _, body = written(heard).partition(b"\r\n\r\n")
    assert body == b""
    assert b"Content-Length: 11" in head


def test_not_modified_has_neither() -> None:
    status, headers, body, _ = one_answer(GET.replace(b"\r\n\r\n", b'\r\nIf-None-Match: "tag"\r\n\r\n'))
    assert (status, body) == ("HTTP/1.1 304 Not Modified", b"")
    assert "Content-Length" not in headers


@pytest.mark.parametrize(
    ("data", "status", "allow"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405, "GET, HEAD"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 405, "GET, HEAD"),
        (b"PUT /chat.js HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET, HEAD"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 400, None),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, None),
        (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\nHost: localhost\n\n", 400, None),
        (b"GET /\r\n\r\n", 400, None),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, None),
        (b"\x00\x01\x02\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, None),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404, None),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, None),
        (b"GET /" + b"a" * MOST_HEAD_BYTES, 431, None),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 3000 + b"\r\n", 431, None),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 200 + b"\r\n", 400, None),
        (b"GET /chat HTTP/1.1\r\nHost: localhost\r\n\r\n", 426, None),
        (UPGRADE.replace(b"13", b"12"), 400, None),
        (UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400, None),
        (UPGRADE.replace(b"/1.1", b"/1.0"), 505, None),
        (UPGRADE.replace(b"GET", b"HEAD"), 405, "GET"),
        (UPGRADE.replace(b"\r\n\r\n", b"\r\nOrigin: http://evil.example\r\n\r\n"), 403, None),
        (UPGRADE.replace(b"\r\n\r\n", b"\r\nOrigin: http://localhost\r\nOrigin: http://localhost\r\n\r\n"), 403, None),
        (UPGRADE.replace(b"Host: localhost", b"Host: evil.example"), 421, None),
    ],
)  # fmt: skip
def test_refusals(data: bytes, status: int, allow: str | None) -> None:
    first, headers, body, heard = one_answer(data)
    assert first.startswith(f"HTTP/1.1 {status} ")
    assert headers["Connection"] == "close"
    assert headers.get("Allow") == allow
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert body.decode().strip() or data.startswith(b"HEAD")
    assert heard[-1] == Finish(f"answered with {status}")


@pytest.mark.parametrize(
    "data",
    [
        GET,
        b"\r\n\r\n" + GET,
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        UPGRADE,
    ],
)
def test_byte_by_byte_is_as_whole(data: bytes) -> None:
    whole = WebFront(CALLER, SITE).received(data)
    cut = feed(WebFront(CALLER, SITE), (bytes([byte]) for byte in data))
    assert [type(one) for one in cut] == [type(one) for one in whole]

    def undated(heard: list[Heard]) -> list[bytes]:
        return [line for line in written(heard).splitlines() if not line.startswith(b"Date:")]

    assert undated(cut) == undated(whole)


def test_one_request_is_answered_on_one_connection() -> None:
    heard = WebFront(CALLER, SITE).received(GET + GET)
    assert len(answers(written(heard))) == 1
    assert heard[1:] == [Finish("answered with 200")]


def test_nothing_follows_the_end() -> None:
    front = WebFront(CALLER, SITE)
    front.received(GET.replace(b"1.1", b"1.0"))
    assert front.received(GET) == []
    assert front.ended() == []
    assert front.tick(1e9) == []


def test_a_browser_that_goes() -> None:
    assert WebFront(CALLER, SITE).ended() == [Finish("the browser has gone")]
    assert opened().ended() == [Finish("the browser has gone")]


def test_a_socket_opens_without_compression() -> None:
    front = WebFront(CALLER, SITE)
    assert not front.is_open
    heard = front.received(UPGRADE)
    assert front.is_open
    head = written(heard).decode()
    assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n")
    # The key and what answers it are those of RFC 6455, 1.3.
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert "Extensions" not in head


def test_requests_in_the_same_read_as_the_opening() -> None:
    heard = WebFront(CALLER, SITE).received(UPGRADE + said(HELLO) + said(Ping(ref=1)))
    assert heard[1:] == [Begin(), HELLO, Ping(ref=1)]


def test_a_conversation_byte_by_byte() -> None:
    data = UPGRADE + said(HELLO) + said(Say(room="lobby", body="grüß 👋"))
    heard = feed(WebFront(CALLER, SITE), (bytes([byte]) for byte in data))
    assert heard[1:] == [Begin(), HELLO, Say(room="lobby", body="grüß 👋")]


def test_a_conversation_cut_anywhere() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    wanted = [Say(room="lobby", body="x" * dice.randrange(1000), cid=str(number)) for number in range(50)]
    data = b"".join(said(one) for one in wanted)
    pieces = []
    while data:
        size = dice.randrange(1, 400)
        pieces.append(data[:size])
        data = data[size:]
    assert feed(opened(), pieces) == wanted


def test_a_message_in_fragments_with_a_ping_between() -> None:
    document = encode_request(Say(room="lobby", body="grüß"))
    middle = document.index(b"\xc3") + 1
    data = (
        frame(document[:middle], fin=False) + frame(b"hi", 9) + frame(b"", 0, fin=False) + frame(document[middle:], 0)
    )
    assert opened().received(data) == [Say(room="lobby", body="grüß"), b"\x8a\x02hi"]


def close_of(heard: list[Heard]) -> tuple[int, str]:
    """The code and reason of the close frame that was written."""
    data = written(heard)
    assert data[0] == 0x88
    return struct.unpack("!H", data[2:4])[0], data[4:].decode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"{}", 2), 1003),
        (frame(b'{"op": "\xff"}'), 1007),
        (frame(b"\xed\xa0\x80"), 1007),
        (frame(b"\xc3"), 1007),
        (frame(b"x" * (MOST_REQUEST_BYTES + 1)), 1009),
        (frame(b"x" * 60_000, fin=False) + frame(b"x" * 60_000, 0), 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**62) + MASK, 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**63) + MASK, 1009),
        (frame(b"{}", mask=b""), 1002),
        (frame(b"{}", reserved=0x40), 1002),
        (frame(b"{}", 3), 1002),
        (frame(b"{}", 0), 1002),
        (frame(b"{", fin=False) + frame(b"}", 1), 1002),
        (frame(b"x" * 126, 9), 1002),
        (frame(b"", 9, fin=False), 1002),
        (frame(b"\x03", 8), 1002),
        (frame(struct.pack("!H", 1005), 8), 1002),
        (frame(struct.pack("!H", 1000) + b"\xff", 8), 1007),
    ],
)  # fmt: skip
def test_frames_that_are_wrong(data: bytes, code: int) -> None:
    front = opened()
    heard = front.received(data)
    assert close_of(heard)[0] == code
    assert isinstance(heard[-1], Finish)
    assert front.received(said(HELLO)) == []


def test_what_came_before_a_wrong_frame_is_heard() -> None:
    heard = opened().received(said(HELLO) + frame(b"{}", 2) + said(Ping()))
    assert heard[0] == HELLO
    assert close_of(heard) == (1003, "requests are JSON in text messages")
    assert heard[-1] == Finish("closed with 1003")


def test_a_request_that_is_none_is_answered() -> None:
    heard = opened().received(frame(b'{"op": "dance", "ref": 7}') + said(Ping()))
    refused, ping = heard
    assert isinstance(refused, Refused)
    assert (refused.code, refused.ref) == ("bad_request", 7)
    assert refused.text.startswith("this is no request: ")
    assert ping == Ping()


@pytest.mark.parametrize("document", ["", "[", "null", "[" * 10_000, '{"op":"say"}', '{"op":"say","room":1,"body":""}'])
def test_documents_that_are_no_requests(document: str) -> None:
    [refused] = opened().received(frame(document.encode()))
    assert isinstance(refused, Refused)


def test_a_client_closes() -> None:
    heard = opened().received(said(HELLO) + frame(struct.pack("!H", 1001) + b"going", 8) + said(Ping()))
    assert heard[0] == HELLO
    assert close_of(heard) == (1001, "going")
    assert heard[-1] == Finish("closed by the page with 1001")


def test_a_close_without_a_code() -> None:
    heard = opened().received(frame(b"", 8))
    assert heard == [b"\x88\x00", Finish("closed by the page with 1005")]


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("quit", 1000), ("idle", 1001), ("refused", 1008), ("kicked_out", 1008), ("too_long", 1009), ("restart", 1012),
        ("slow", 4008), ("replaced", 1000), ("something new", 1000),
    ],
)  # fmt: skip
def test_goodbyes(code: str, number: int) -> None:
    front = opened()
    assert close_of([front.goodbye(code)]) == (number, code)
    assert front.goodbye(code) == b""
    assert front.received(said(HELLO)) == []
    assert front.tick(1e9) == []
    heard = front.received(frame(struct.pack("!H", number), 8))
    assert heard == [Finish(f"closed with {number}")]
    assert front.goodbye(code) == b""


def test_pings() -> None:
    front = WebFront(CALLER, SITE)
    assert front.tick(5) == []
    front.received(UPGRADE)
    assert front.tick(5) == [b"\x89\x00"]
    assert front.tick(5 + PING_SECONDS / 2) == []
    assert front.received(frame(b"", 10)) == []
    assert front.tick(5 + PING_SECONDS) == [b"\x89\x00"]
    assert front.tick(5 + 2 * PING_SECONDS) == [Finish(f"no answer to a ping for {PING_SECONDS} seconds")]
    assert front.tick(5 + 3 * PING_SECONDS) == []


def test_whatever_comes_answers_a_ping() -> None:
    front = opened()
    front.tick(0)
    front.received(said(Ping())[:3])
    assert front.tick(PING_SECONDS) == [b"\x89\x00"]


@pytest.mark.parametrize("size", [0, 50, 98, 99, 100, 125, 126, 1000, 65_508, 65_509, 65_510, 70_000])
def test_a_notice_is_one_unmasked_frame(size: int) -> None:
    notice: Notice = Announcement(text="x" * size)
    data = show_web(notice)
    assert data[0] == 0x81
    length, start = data[1], 2
    if length == 126:
        (length,), start = struct.unpack("!H", data[2:4]), 4
    elif length == 127:
        (length,), start = struct.unpack("!Q", data[2:10]), 10
    assert len(data) == start + length
    assert decode_notice(data[start:]) == notice


def test_a_notice_cannot_hold_control_characters() -> None:
    data = show_web(Announcement(text="\x00\x1b[31m\x07\n"))
    assert not any(byte < 0x20 for byte in data[2:])
    assert json.loads(data[2:])["text"] == "\x00\x1b[31m\x07\n"


@pytest.mark.parametrize("start", [b"", UPGRADE], ids=["http", "socket"])
def test_noise_never_raises(start: bytes) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(200):
        front = WebFront(CALLER, SITE)
        front.received(start)
        for _ in range(dice.randrange(1, 6)):
            heard = front.received(dice.randbytes(dice.randrange(0, 60)))
            assert all(isinstance(one, Request | Notice | bytes | Begin | Finish) for one in heard)
        front.ended()


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("websockets"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ChatError) as caught:
        WebFront(CALLER, SITE)
    assert str(caught.value) == (
        "the web page of a chat needs the package websockets; install it with: pip install 'landline[chat]'"
    )
