"""The client library against a chat that is killed under load: what was acknowledged is there, once and in order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from landline.chat import ChatClient
from landline.chat.notices import Message, Page
from landline.chat.wire import History
from landline.connection.backoff import Backoff
from landline.connection.reconnect_policy import Reconnect

QUICK = Reconnect(Backoff(first_seconds=0.02, most_seconds=0.1), first_must_connect=True)
RATES = ["session_burst", "session_rate", "address_burst", "address_rate", "request_burst", "request_rate"]


class Server:
    """`landline chat serve` on a Unix socket, which can be killed and started again with the same history."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix://{folder}/chat"
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        limits = [word for rate in RATES for word in ("--limit", f"{rate}=100000")]
        command = [sys.executable, "-m", "landline", "chat", "serve", self.address, "--data", str(self._data), *limits]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ)
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        assert line.startswith(b"chat unix:"), line

    def kill(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


async def speak(client: ChatClient, over: asyncio.Event) -> list[int]:
    """Say numbered messages until it is over. Returns the seq of each, as it was acknowledged."""
    seqs: list[int] = []
    while not over.is_set():
        seqs.append((await client.say("lobby", f"{client.view.me.nick} {len(seqs)}")).seq)
    return seqs


async def hear(client: ChatClient) -> list[Message]:
    """What others say, up to the word `end`."""
    heard = []
    async for message in client.messages():
        if message.body == "end":
            break
        heard.append(message)
    return heard


async def under_kills(folder: Path, kills: int) -> None:
    server = Server(folder)
    await server.start()
    try:
        async with (
            ChatClient(server.address, nick="anna", reconnect=QUICK) as anna,
            ChatClient(server.address, nick="bob", reconnect=QUICK) as bob,
            ChatClient(server.address, nick="carl", reconnect=QUICK) as carl,
        ):
            over = asyncio.Event()
            hearing = asyncio.create_task(hear(carl))
            speaking = [asyncio.create_task(speak(one, over)) for one in (anna, bob)]
            for _ in range(kills):
                for one in (anna, bob, carl):
                    await one.ready()
                before = carl.view.rooms["lobby"].position
                while carl.view.rooms["lobby"].position < before + 20:
                    await asyncio.sleep(0.005)
                server.kill()
                await server.start()
            over.set()
            acked = [await one for one in speaking]
            await anna.say("lobby", "end")
            heard = await hearing
            stored = await history(anna)
    finally:
        server.kill()
    assert [message.seq for message in heard] == list(range(1, len(heard) + 1))
    assert [message.body for message in heard] == [message.body for message in stored]
    for nick, seqs in zip(("anna", "bob"), acked, strict=True):
        said = [message for message in heard if message.nick == nick]
        assert [message.body for message in said] == [f"{nick} {number}" for number in range(len(seqs))]
        assert [message.seq for message in said] == seqs


async def history(client: ChatClient) -> list[Message]:
    """All that is stored, but the last word."""
    stored: list[Message] = []
    while True:
        page = await client.ask(History(room="lobby", after=stored[-1].seq if stored else 0, limit=200))
        assert isinstance(page, Page)
        stored += page.messages
        if not page.more:
            return stored[:-1]


def test_a_server_that_is_killed(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(under_kills(tmp_path, 2), 50))


@pytest.mark.torture
def test_a_server_that_is_killed_often(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(under_kills(tmp_path, 20), 600))
