"""One connection: what a server may say before and instead of a welcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from landline.address import parse as parse_address
from landline.chat import link as link_module
from landline.chat.link import Link, chat_address
from landline.chat.notices import Notice, Pong, encode_notice
from landline.chat.wire import Hello, Login, Ping, decode_request
from landline.errors import AddressError, ChatError, ConnectionClosed, RequestRefused, UsageError, WaitTimeout
from tests.chat.said import welcome

WELCOME = encode_notice(welcome(ref="hello")) + b"\n"
Scene = Callable[[Link, list[Notice]], Awaitable[None]]


def play(said: bytes, scene: Scene, *, ends: bool = True) -> list[bytes]:
    """A server that reads a line, says this, and perhaps ends. Returns the lines that came."""
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(said)
        if ends:
            writer.write_eof()
        while line := await reader.readline():
            lines.append(line)
        writer.close()
        await writer.wait_closed()
        over.set()

    async def whole() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            heard: list[Notice] = []
            link = await Link.open(parse_address(f"127.0.0.1:{port}"), None, heard.append)
            try:
                await scene(link, heard)
            finally:
                await link.close()
            await over.wait()

    over = asyncio.Event()
    asyncio.run(asyncio.wait_for(whole(), 20))
    return lines


@pytest.mark.parametrize(
    "before",
    [b"", b"* welcome to Landline; you are guest-1\n\n", b'{"type": "of another century"}\n', b'{"type": "pong"}\n'],
)
def test_what_comes_before_the_welcome_does_no_harm(before: bytes) -> None:
    async def greeted(link: Link, heard: list[Notice]) -> None:
        await link.greet(Hello(nick="me"), None)
        assert heard[-1] == welcome(ref="hello") and len(heard) == 1 + (b"pong" in before)

    lines = play(before + WELCOME, greeted)
    assert decode_request(lines[0]) == Hello(nick="me", ref="hello")


def test_whoever_has_an_account_already_does_not_log_in() -> None:
    async def scene(link: Link, heard: list[Notice]) -> None:
        await link.greet(Hello(token="t"), Login(nick="me", password="x"))

    assert len(play(encode_notice(welcome(ref="hello", account="me")) + b"\n", scene)) == 1


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\n", ChatError, "is no chat that we know: it says b'HTTP/1.1 400 Bad Request'"),
        (b"{broken\n", ChatError, "is no chat that we know: it says b'{broken'; check the address"),
        (b'{"type": "error", "ref": "hello", "code": "x", "text": "no"}\n', RequestRefused, "^no$"),
        (b"", ConnectionClosed, "is closed"),
    ],
)
def test_no_welcome(said: bytes, error: type[Exception], words: str) -> None:
    async def scene(link: Link, heard: list[Notice]) -> None:
        with pytest.raises(error, match=words):
            await link.greet(Hello(), None)

    play(said, scene)


def test_a_welcome_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "GREET_SECONDS", 0.01)

    async def scene(link: Link, heard: list[Notice]) -> None:
        with pytest.raises(WaitTimeout, match="the welcome of a chat took longer than 0.01 s"):
            await link.greet(Hello(), None)

    play(b"", scene, ends=False)


def test_a_silent_server_is_asked_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(link_module, "PING_SECONDS", 0.05)

    async def scene(link: Link, heard: list[Notice]) -> None:
        await link.greet(Hello(), None)
        with pytest.raises(WaitTimeout):
            await link.talk()
        assert heard[1:] == [Pong()]

    lines = play(WELCOME + b'{"type":"pong"}\n\n', scene, ends=False)
    assert [type(decode_request(line)) for line in lines[1:]] == [Ping]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost", "tcp://localhost:8110"),
        ("tls://chat.example.org", "tls://chat.example.org:8110"),
        ("chat.example.org:99", "tcp://chat.example.org:99"),
        ("unix:///tmp/chat", "unix:///tmp/chat"),
    ],
)
def test_a_host_alone_has_the_port_of_chats(text: str, address: str) -> None:
    assert str(chat_address(text)) == address


@pytest.mark.parametrize(("text", "error"), [("udp://x:1", UsageError), ("fd://3", UsageError), ("x:y", AddressError)])
def test_addresses_that_no_chat_has(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        chat_address(text)
