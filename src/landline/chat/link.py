"""One connection of a chat client: hello, requests out, notices in. What is said on it means nothing here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import NoReturn

import msgspec

from landline.address import Address, FdAddress, UdpAddress
from landline.address import parse as parse_address
from landline.chat.bounds import PORT
from landline.chat.notices import Account, Answer, Notice, Refused, Welcome, decode_notice
from landline.chat.wire import Hello, Login, Ping, Request, encode_request
from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import AddressError, ChatError, ConnectionClosed, RequestRefused, UsageError, WaitTimeout
from landline.limits import MIB, Limits
from landline.transport.tls import ClientTls

log = logging.getLogger("landline.chat")

GREET_SECONDS = 10.0
"""From the connection to the welcome."""
SILENT_SECONDS = 45.0
"""After so much silence the server is asked whether it is there: routers forget a silent connection after a minute."""
PING_SECONDS = 15.0
"""How long the answer to that may take."""
LIMITS = Limits(max_message_bytes=4 * MIB)
"""A page of 200 messages of 4096 bytes, with room for quotes."""
HELLO = "hello"
"""The ref of what is asked before anything else is."""

Heard = Callable[[Notice], None]


def chat_address(text: str | Address) -> Address:
    """Read the address of a chat; a host alone gets the port 8110.

    Returns an address that can be called. Raises AddressError, or UsageError for a kind of address no chat has.
    """
    try:
        address = parse_address(text)
    except AddressError as error:
        if not (isinstance(text, str) and error.part == "port" and error.problem == "is missing"):
            raise
        address = parse_address(f"{text.removesuffix(':')}:{PORT}")
    if isinstance(address, UdpAddress | FdAddress):
        raise UsageError(f"a chat cannot be called at {address}; write for example tcp://chat.example.org:{PORT}")
    return address


class Link:
    """A connection with the chat at `address`; `heard` is called with each notice that comes."""

    def __init__(self, connection: StreamConnection, address: Address, heard: Heard) -> None:
        self.connection = connection
        self._address = address
        self._heard = heard
        self._outgoing: asyncio.Queue[Request] = asyncio.Queue()

    @classmethod
    async def open(cls, address: Address, tls: ClientTls | None, heard: Heard) -> Link:
        """Connect. Returns the link. Raises as `landline.connect`."""
        connection = await connect(address, framing="lines", limits=LIMITS, tls=tls)
        assert isinstance(connection, StreamConnection)
        return cls(connection, address, heard)

    async def close(self) -> None:
        """Close at once: whoever has something to finish asks for the end first."""
        self.connection.abort()
        await self.connection.close()

    def post(self, request: Request) -> None:
        """Send a request, as soon as `talk` runs."""
        self._outgoing.put_nowait(request)

    async def greet(self, hello: Hello, login: Login | None) -> None:
        """Say who we are, and log in unless the token has done that. Raises RequestRefused, ChatError, WaitTimeout."""
        try:
            async with asyncio.timeout(GREET_SECONDS) as limit:
                welcome = await self._exchange(hello)
                if login is not None and isinstance(welcome, Welcome | Account) and welcome.account is None:
                    await self._exchange(login)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"connecting to {self._address}: the welcome of a chat", GREET_SECONDS) from error

    async def _exchange(self, request: Request) -> Notice:
        """Ask before anything else is under way. Returns the answer."""
        await self.connection.send(encode_request(msgspec.structs.replace(request, ref=HELLO)))
        strange: bytes | None = None
        while True:
            try:
                line = await self.connection.receive()
            except ConnectionClosed as closed:
                if strange is not None:
                    raise self._no_chat(strange) from closed
                raise
            # A chat that took a slow caller for a person has greeted it in plain text.
            if not line.lstrip().startswith(b"{"):
                strange = strange or line
                continue
            notice = self._read(line)
            if isinstance(notice, Refused) and notice.ref == HELLO:
                raise RequestRefused(notice.code, notice.text, notice.wait)
            if notice is not None:
                self._heard(notice)
            if isinstance(notice, Answer) and notice.ref == HELLO:
                return notice

    async def talk(self) -> NoReturn:
        """Send and hear until the connection is over. Raises what ended it."""
        writing = asyncio.get_running_loop().create_task(self._write())
        try:
            while True:
                line = await self._line()
                if line and (notice := self._read(line)) is not None:
                    self._heard(notice)
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    async def _write(self) -> None:
        """Send what is posted, all that waits in one write, until the connection is over."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                requests = [await self._outgoing.get()]
                while not self._outgoing.empty():
                    requests.append(self._outgoing.get_nowait())
                await self.connection.send_all(map(encode_request, requests))

    async def _line(self) -> bytes:
        """The next line; a server that has been silent for long is asked whether it is there."""
        try:
            line: bytes = await self.connection.receive(SILENT_SECONDS)
        except WaitTimeout:
            self.post(Ping())
            line = await self.connection.receive(PING_SECONDS)
        return line

    def _read(self, line: bytes) -> Notice | None:
        """A notice; None for one of a newer server that we do not know. Raises ChatError for what is none."""
        try:
            return decode_notice(line)
        except msgspec.ValidationError as error:
            log.debug("%s: passed over a notice: %s", self._address, error)
            return None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._no_chat(line) from error

    def _no_chat(self, line: bytes) -> ChatError:
        return ChatError(f"{self._address} is no chat that we know: it says {line[:40]!r}; check the address")
