"""The relay: two sides that cannot reach each other both call it, and it passes their bytes.

What passes is sealed from end to end (TLS inside); a relay sees numbers, addresses and volumes. It is an ordinary
service: one conversation for each caller, whose first message is a hello of fixed size and all that follows is raw.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Iterator

from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, Reason, UsageError, WaitTimeout
from landline.framing import Fixed
from landline.limits import KIB, Limits
from landline.server.admission import peer_group
from landline.server.report import counted, size_in_words
from landline.server.service import Service
from landline.transfer.relay_book import Book, Call, Claim
from landline.transfer.relay_wire import (
    HELLO_BYTES,
    LEAST_NUMBER,
    MOST_NUMBER,
    Answer,
    Code,
    Hello,
    Verb,
    decode_hello,
    encode_answer,
    refusal,
)

HELLO_SECONDS = 10.0
"""From the connection to the last byte of its hello."""
ACCEPT_SECONDS = 30.0
"""How long a call waits for its host to take it."""
MAX_PAIRS = 256
MOST_PAIRS = 100_000
PIECE_BYTES = 64 * KIB
STALL_SECONDS = 3600.0
"""A receiver may wait for its disk, or a person for another; keep-alive finds who is gone for good."""


def relay_limits() -> Limits:
    """The limits of a relay's connections.

    With buffers of one byte nothing is read while a piece waits to be passed on: a direction holds one read (250 KiB)
    and the piece before it, a pair twice that, however slowly its ends read.
    """
    return Limits(
        max_message_bytes=PIECE_BYTES, receive_buffer_bytes=1, send_buffer_bytes=1,
        message_seconds=HELLO_SECONDS, slow_reader_seconds=STALL_SECONDS,
    )  # fmt: skip


class Party:
    """One caller of the relay: its connection, and for a call, who has taken it and when its pair is over."""

    def __init__(self, connection: StreamConnection) -> None:
        loop = asyncio.get_running_loop()
        self.connection = connection
        self.group = peer_group(connection.peer)
        self.taken: asyncio.Future[Party | Code] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()


class Relay:
    """A relay: `service` is what to serve, `pairs` and `bytes_passed` what it has done so far.

    `max_pairs` (1 to 100000) is how many pairs it joins at once; `hello_seconds` and `accept_seconds` bound the steps
    of a caller. Raises UsageError for a number out of range.
    """

    def __init__(
        self,
        max_pairs: int = MAX_PAIRS,
        hello_seconds: float = HELLO_SECONDS,
        accept_seconds: float = ACCEPT_SECONDS,
        limits: Limits | None = None,
    ) -> None:
        if not 1 <= max_pairs <= MOST_PAIRS:
            raise UsageError(f"a relay cannot join {max_pairs} pairs; choose from 1 to {MOST_PAIRS}")
        self.pairs = 0
        self.bytes_passed = 0
        self._hello_seconds = hello_seconds
        self._accept_seconds = accept_seconds
        self._book: Book[Party] = Book(_draw, max_pairs)
        self.service = Service("relay", framing=Fixed(HELLO_BYTES), limits=limits or relay_limits(), switchable=True)
        self.service.connection(self._serve)

    def __str__(self) -> str:
        return f"{counted(self.pairs, 'pair')} joined, {size_in_words(self.bytes_passed)} passed"

    async def _serve(self, connection: StreamConnection) -> None:
        try:
            data = await connection.receive(self._hello_seconds)
        except WaitTimeout:
            connection.end(Reason.MESSAGE_DEADLINE)
            return
        connection.switch_framing("raw")
        hello = decode_hello(data)
        party = Party(connection)
        match hello:
            case None:
                await self._refuse(party, Code.MALFORMED, 0)
            case Hello(verb=Verb.HOST):
                await self._host(party, hello)
            case Hello(verb=Verb.JOIN):
                await self._join(party, hello)
            case _:
                await self._accept(party, hello)

    async def _refuse(self, party: Party, code: Code, number: int) -> None:
        await party.connection.send(refusal(code, number))
        party.connection.end(Reason.REFUSED)

    async def _host(self, party: Party, hello: Hello) -> None:
        """Hold the number of a host for as long as it stays on the line."""
        claimed = self._book.claim(hello.number, hello.key, party.group, party)
        if isinstance(claimed, Code):
            await self._refuse(party, claimed, hello.number)
            return
        claim, replaced = claimed
        try:
            if replaced is not None:
                replaced.connection.send_now([refusal(Code.REPLACED, claim.number)])
                replaced.connection.end(Reason.REFUSED)
            # Without a pause between them, so that no call is told before this, or twice.
            party.connection.send_now([encode_answer(Answer(Code.HOSTING, claim.number))])
            # Those who called meanwhile were told to the one that was replaced, who may not have heard it.
            for call in self._book.waiting(claim):
                _tell(call)
            # A host says nothing more on this connection; whatever comes is its end.
            with contextlib.suppress(ConnectionClosed):
                await party.connection.receive()
        finally:
            self._release(claim, party)

    def _release(self, claim: Claim[Party], party: Party) -> None:
        for call in self._book.release(claim, party):
            _settle(call.caller.taken, Code.NOBODY)

    async def _join(self, party: Party, hello: Hello) -> None:
        """Tell the host of a call, wait until it is taken, and pass bytes."""
        call = self._book.join(hello.number, party.group, party, time.monotonic())
        if isinstance(call, Code):
            await self._refuse(party, call, hello.number)
            return
        try:
            taken = await self._taken(party) if _tell(call) else Code.FULL
            if isinstance(taken, Code):
                await self._refuse(party, taken, hello.number)
            else:
                await self._pair(call, taken)
        finally:
            self._book.hang_up(call)
            # Also of a host that took the call at the moment it was given up.
            if party.taken.done() and isinstance(host := party.taken.result(), Party):
                _settle(host.over, None)

    async def _taken(self, party: Party) -> Party | Code:
        """Wait for whoever takes the call. One who speaks or leaves before that gives it up."""
        leaving = asyncio.ensure_future(party.connection.receive())
        try:
            await asyncio.wait((party.taken, leaving), timeout=self._accept_seconds, return_when="FIRST_COMPLETED")
        finally:
            leaving.cancel()
            await asyncio.wait((leaving,))
        if not leaving.cancelled():
            leaving.result()  # raises ConnectionClosed where it left
            return Code.MALFORMED
        return party.taken.result() if party.taken.done() else Code.NO_ANSWER

    async def _pair(self, call: Call[Party], host: Party) -> None:
        ends = call.caller.connection, host.connection
        self.pairs += 1
        with self._both_or_none(*ends):
            for end in ends:
                await end.send(encode_answer(Answer(Code.JOINED, call.claim.number, call.identity)))
        await asyncio.gather(self._pass_on(*ends), self._pass_on(*reversed(ends)))

    async def _pass_on(self, source: StreamConnection, sink: StreamConnection) -> None:
        """Pass what one side says to the other, its end too."""
        with self._both_or_none(source, sink):
            async for piece in source:
                await sink.send(piece)
                self.bytes_passed += len(piece)
            sink.end_sending()

    @contextlib.contextmanager
    def _both_or_none(self, *ends: StreamConnection) -> Iterator[None]:
        """If one end breaks, so does the pair: half of it would let the other side wait for ever."""
        try:
            yield
        except ConnectionClosed:
            for end in ends:
                end.abort()

    async def _accept(self, party: Party, hello: Hello) -> None:
        """Join a host to the call it takes, and stay until that is over."""
        call = self._book.accept(hello.number, hello.call, hello.key)
        if isinstance(call, Code):
            await self._refuse(party, call, hello.number)
            return
        _settle(call.caller.taken, party)
        await party.over


def _tell(call: Call[Party]) -> bool:
    """Tell a host of a call, unless it does not read what it was told before. Returns whether it was told."""
    answer = Answer(Code.CALL, call.claim.number, call.identity)
    return call.claim.host.connection.send_now([encode_answer(answer)])


def _settle(
    future: asyncio.Future[object] | asyncio.Future[Party | Code] | asyncio.Future[None], result: object
) -> None:
    if not future.done():
        future.set_result(result)  # type: ignore[arg-type]


def _draw() -> int:
    return LEAST_NUMBER + secrets.randbelow(MOST_NUMBER - LEAST_NUMBER + 1)
