"""Conversations made up at random: whatever the peer does and when, nothing is lost, doubled or left over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, FramingError, Reason
from landline.framing import parse
from landline.testing import run_virtual
from tests.connection.line import Line, settle

SEEDS = range(60)
FRAMINGS = ["lines", "length:u8", "length:u32be", "netstring", "cobs", "delimited:0d0a00"]
MOST_SECONDS = 30.0
"""Every deadline of the connection. A peer that behaves stays well below it; a rough one does not."""
ENDS_WITHIN_SECONDS = 4 * MOST_SECONDS
ROUGH_ENDS = {
    Reason.PEER_CLOSED, Reason.RESET, Reason.MESSAGE_DEADLINE, Reason.SLOW_READER, Reason.TRUNCATED, Reason.TOO_LARGE,
}  # fmt: skip


@dataclass
class Talk:
    """What is said in one conversation, and what was heard of it."""

    random: Random
    rough: bool
    framing: str = ""
    repeat: int = 1
    messages: list[bytes] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    most_buffered: int = 0
    junk: bool = False

    def __post_init__(self) -> None:
        random = self.random
        self.framing = random.choice(FRAMINGS)
        self.repeat = random.choice([1, 1, 3, 40])
        sizes = [random.choice([1, 2, 5, 17, 100]) for _ in range(random.choice([1, 5, 40, 150]))]
        self.messages = [bytes(random.choices(b"abcdef", k=size)) for size in sizes]

    def reply(self, message: bytes) -> bytes:
        """The handler's part: note the message, and answer with more or less."""
        self.heard.append(message)
        return (message.upper() * self.repeat)[:255]

    def wire(self, replies: bool = False) -> bytes:
        """All messages, or all replies, as they stand on the wire."""
        said = [(message.upper() * self.repeat)[:255] for message in self.messages] if replies else self.messages
        return parse(self.framing).encode_all(said)


async def converse(connection: StreamConnection, talk: Talk) -> None:
    """Pull messages and answer them, now at once and now late, as a service's handler does."""
    try:
        async for message in connection:
            await asyncio.sleep(talk.random.choice([0, 0, 0, 0.1]))
            await connection.send(talk.reply(message))
    except (ConnectionClosed, FramingError):
        pass
    finally:
        connection.end()


async def play(line: Line, talk: Talk) -> None:
    """The peer's part: its bytes in pieces of any size, with pauses and, if it is rough, worse."""
    random, wire, position = talk.random, talk.wire(), 0
    while position < len(wire) and not line.peer.lost:
        size = random.choice([1, 3, 20, 200, 2000])
        line.theirs.write(wire[position : position + size])
        position += size
        await asyncio.sleep(random.choice([0, 0, 0.01]))
        if random.random() < 0.1:
            line.theirs.pause_reading()
            await asyncio.sleep(random.choice([0, 0.5, 50 if talk.rough else 1]))
            line.theirs.resume_reading()
        if talk.rough and random.random() < 0.03:
            what = random.choice(["silence", "junk", "abort", "eof"])
            if what == "silence":
                await asyncio.sleep(2 * MOST_SECONDS)
            elif what == "junk":
                talk.junk = True
                line.theirs.write(bytes(random.choices(range(256), k=random.choice([1, 300, 5000]))))
            elif what == "abort":
                line.theirs.abort()
            else:
                break
    if not line.theirs.is_closing():
        line.theirs.write_eof()


async def watch_buffer(line: Line, talk: Talk) -> None:
    while not line.gone:
        talk.most_buffered = max(talk.most_buffered, line.ours.get_write_buffer_size())
        await settle(5)
        await asyncio.sleep(0.05)


async def hold(talk: Talk, pull: bool) -> tuple[Line, bytes]:
    """One conversation to its end. Returns the line and what the peer heard."""
    random = talk.random
    async with Line(
        talk.framing,
        None if pull else talk.reply,
        pipe_bytes=random.choice([1, 50, 1000, 65536]),
        reads=random.choice([1, 7, 500, 65536]),
        max_message_bytes=random.choice([255, 5000]),
        send_buffer_bytes=random.choice([1, 100, 2000]),
        receive_buffer_bytes=random.choice([1, 500, 5000]),
        message_seconds=MOST_SECONDS,
        slow_reader_seconds=MOST_SECONDS,
        linger_seconds=random.choice([0.0, 5.0]),
    ) as line:
        handling = asyncio.create_task(converse(line.connection, talk)) if pull else None
        watching = asyncio.create_task(watch_buffer(line, talk))
        await play(line, talk)
        await asyncio.sleep(ENDS_WITHIN_SECONDS)
        assert watching.done(), f"{line.connection!r} does not end"
        if handling is not None:
            assert handling.done() and handling.exception() is None
        left = [timer._queue.next_due() for timer in (line.watch.partial, line.watch.slow_reader, line.watch.lingering)]
        assert left == [None, None, None], "a deadline outlives its connection"
        return line, line.peer.received


def check(line: Line, talk: Talk, received: bytes) -> None:
    """What holds of every conversation, and of those with a peer that behaves."""
    assert len(line.gone) == 1
    assert line.failures == []
    statistics = line.connection.statistics()
    assert statistics.messages_sent <= statistics.messages_received
    assert talk.most_buffered <= line.limits.send_buffer_bytes + 255 + 8
    if not talk.junk:
        assert talk.heard == talk.messages[: len(talk.heard)]
        assert talk.wire(replies=True).startswith(received)
    if talk.rough:
        assert line.gone[0] in ROUGH_ENDS | {Reason.MALFORMED}
        return
    assert line.gone == [Reason.PEER_CLOSED]
    assert talk.heard == talk.messages
    assert received == talk.wire(replies=True)
    assert statistics.bytes_sent == len(received)
    assert statistics.bytes_received == len(talk.wire())


@pytest.mark.parametrize("pull", [False, True], ids=["push", "pull"])
@pytest.mark.parametrize("rough", [False, True], ids=["well-behaved", "rough"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_conversation_made_up_at_random(seed: int, rough: bool, pull: bool) -> None:
    talk = Talk(Random(seed), rough)
    line, received = run_virtual(hold(talk, pull))
    check(line, talk, received)
