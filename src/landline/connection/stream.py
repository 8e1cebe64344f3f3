"""A conversation in messages over a stream, as the people on both ends of it see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from landline.connection.asking import Asking
from landline.connection.flow import Answer, MessageFlow
from landline.connection.requests import NOBODY_ASKED, InOrder, Requests
from landline.connection.statistics import Statistics
from landline.connection.upgrade import upgrade
from landline.errors import ConnectionClosed, FramingError, Reason, ServiceError, UnfitMessage, WaitTimeout
from landline.framing import Framing
from landline.framing import parse as parse_framing
from landline.payload import Bytes, Payload
from landline.transport.tls import ClientTls, ServerTls

__all__ = ["Answer", "StreamConnection"]

REQUEST_SECONDS = 30.0
"""How long a request waits for its reply where nothing else is said."""


class StreamConnection(MessageFlow):
    """One end of a conversation in messages.

    `peer` and `local` are addresses. Iterating gives messages until the conversation ends cleanly. Messages are bytes,
    or with another payload than `bytes` the values it carries.
    """

    __slots__ = ("_asking", "_decode", "_encode", "_grants", "_greetings", "_prefix", "_state")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._asking: Asking | None = None
        self._encode: Callable[[Any], bytes] | None = None
        self._decode: Callable[[bytes], Any] | None = None
        self._greetings = 0
        self._prefix = b""
        self._state: Any = None
        self._grants: set[str] | None = None

    # Saying.

    async def send(self, message: Any) -> None:
        """Send one message; wait while the peer reads too slowly (send_buffer_bytes).

        Raises UnframableMessage or UnfitValue, or ConnectionClosed if the connection is over. A cancelled `send` was
        sent whole.
        """
        if self._encode is not None or self._prefix or self._asking is not None or not self._messages_sent:
            await self.send_all((message,))
            return
        self._check_sending()
        self._write_frames(self._framing.encode(message), 1)
        if not self._writable:
            await self._room_to_send()

    async def send_all(self, messages: Iterable[Any]) -> None:
        """Send several messages in one write, and wait like `send`. All of them are sent, or on an error none."""
        messages = list(messages) if self._encode is None else [self._encode(message) for message in messages]
        if self._prefix:
            messages = [self._prefix + message for message in messages]
        self._check_sending()
        if not self._messages_sent:
            # What came before we said anything answers nothing.
            self._greetings = self._messages_received
        self._write(messages)
        if self._asking is not None:
            self._asking.told(len(messages))
        await self._room_to_send()

    async def send_encoded(self, message: bytes) -> None:
        """Send one message that the payload has encoded, and wait like `send`. A host calls it."""
        self._check_sending()
        self._write_frames(self._framing.encode(message), 1)
        if not self._writable:
            await self._room_to_send()

    async def _room_to_send(self) -> None:
        while not self._writable:
            waiter = self._loop.create_future()
            self._senders = [*(self._senders or ()), waiter]
            await waiter
            if self._gone:
                self._check_sending()

    def _check_sending(self) -> None:
        if self._gone or self._ending or self._sending_ended or self._transport.is_closing():
            reason = self.reason or (Reason.FINISHED if self._sending_ended else Reason.RESET)
            raise ConnectionClosed(str(self.peer), reason, "it cannot send any more")

    async def request(self, message: Any, timeout_seconds: float | None = REQUEST_SECONDS) -> Any:
        """Send a message and wait for the reply to it, at most `timeout_seconds` (None: as long as it takes).

        Any number of tasks may ask at once: all their requests travel at the same time. A service that greets is to be
        heard first, with `receive`. Returns the reply; None for an empty one to a numbered request for a document.
        Raises MessageRejected if the service refuses the message, UnfitMessage for a reply that the payload cannot
        read, ConnectionClosed, WaitTimeout, ServiceError on a connection that answers by itself, and what `send`
        raises. A request that is cancelled or ran out of time keeps its place: its late reply is dropped.
        """
        asking = self._begin_asking()
        encoded = message if self._encode is None else self._encode(message)
        self._check_sending()
        self._check_receiving()
        with asking.asked(encoded, self._write) as reply:
            self._step(self._receiver is not None)
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._room_to_send()
                    answer = await reply
            except TimeoutError as error:
                raise WaitTimeout(f"waiting for a reply from {self.peer}", timeout_seconds or 0.0) from error
        return answer if self._decode is None else self._decode(answer)

    def _begin_asking(self) -> Asking:
        if self._asking is not None:
            return self._asking
        if self._answer is not None or self._prefix:
            raise ServiceError("a connection that answers messages by itself cannot make requests: let its peer ask")
        self._asking = Asking(InOrder())
        # What was sent before and has no reply yet will have it before the first request has its own.
        if self._messages_sent:
            self._asking.told(self._messages_sent - (self._messages_received - self._greetings))
        return self._asking

    # Hearing.

    async def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one message, at most `timeout_seconds` (None: as long as it takes).

        Returns it. Raises ConnectionClosed when the conversation is over, a FramingError when the peer broke the
        framing, UnfitMessage for one that the payload cannot read, MessageRejected for one that tells of a refusal,
        WaitTimeout. Cancelling or timing out loses nothing: the message is there for the next call.
        """
        if self._inbox and self._decode is None and self._inbox.left_in_turn > 0:
            return self._take()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._next()
        except TimeoutError as error:
            raise WaitTimeout(f"waiting for a message from {self.peer}", timeout_seconds or 0.0) from error

    def __aiter__(self) -> StreamConnection:
        return self

    async def __anext__(self) -> Any:
        try:
            # What `_next` does, in this place for speed: it is what a message costs.
            if self._inbox and self._decode is None and self._inbox.left_in_turn > 0:
                return self._take()
            return await self._next()
        except ConnectionClosed as closed:
            if closed.reason.clean:
                raise StopAsyncIteration from None
            raise

    async def _next(self) -> Any:
        while True:
            message = await self.next_message()
            if self._decode is None:
                return message
            try:
                return self._decode(message)
            except UnfitMessage as unfit:
                if not self._host.answered_unfit(self, unfit):
                    raise

    async def next_message(self) -> bytes:
        """The next message as it came, before its payload is read. A host calls it; people call `receive`."""
        if self._inbox.left_in_turn <= 0:
            await self._inbox.let_others()
        if not self._inbox:
            await self._message_there()
        return self._take()

    # Changing.

    def switch_framing(self, framing: str | Framing) -> None:
        """Speak another framing from here on, in both directions; what has arrived already is decoded with it too.

        Called by a message handler, it takes effect behind that handler's reply. Raises FramingSpecError, and
        ServiceError if the connection is not `switchable`: then what follows may have been decoded already.
        """
        how = parse_framing(framing)
        if self._stepper is None:
            raise ServiceError("only a connection that is `switchable` can switch its framing: say switchable=True")
        how.decoder(self._limits)
        self._switch_to = how
        if not self._answering:
            self._switch(how)

    async def start_tls(self, tls: ClientTls | ServerTls) -> None:
        """Speak TLS from here on (STARTTLS): with ClientTls as the side that called, with ServerTls as the service.

        What has arrived behind the last message is taken for the peer's handshake, never for messages, so nobody can
        slip commands in before it. Raises IdentityRefused, ConnectError or WaitTimeout as a client, ConnectionClosed as
        a service, when no TLS comes about in handshake_seconds; then the connection is over. Raises ServiceError if it
        is not `switchable`, speaks TLS already, or holds a message that was not received.
        """
        if self._stepper is None:
            raise ServiceError("only a connection that is `switchable` can start TLS: say switchable=True")
        if self.tls is not None:
            raise ServiceError(f"the connection with {self.peer} speaks TLS already")
        if self._inbox:
            raise ServiceError(f"a message of {self.peer} waits: receive it before TLS starts")
        self._check_sending()
        await self._room_to_send()
        self._flush()
        arrived = self._stepper.take_rest()
        # What was decoded of it already is no message.
        self._switch(self._framing)
        try:
            await upgrade(
                self, self._transport, tls, self.peer,
                arrived=arrived, seconds=self._limits.handshake_seconds, made=self._moved_to,
            )  # fmt: skip
        except BaseException:
            self.reason = self.reason or Reason.HANDSHAKE
            if not self._gone:
                # Its transport told the TLS between us, not us, that it is gone.
                self.connection_lost(None)
            raise

    def _moved_to(self, transport: asyncio.Transport) -> None:
        """The conversation goes on over another transport: TLS has come between us and the one before."""
        self._transport = transport
        self._transport.set_write_buffer_limits(high=self._limits.send_buffer_bytes)
        self._reading = True

    @property
    def state(self) -> Any:
        """What a service remembers of this conversation: what Service(state=...) makes, else a namespace."""
        if self._state is None:
            self._state = SimpleNamespace()
        return self._state

    @state.setter
    def state(self, state: Any) -> None:
        self._state = state

    @property
    def grants(self) -> set[str]:
        """What this conversation was granted: the names that `needs` of a route asks for."""
        if self._grants is None:
            self._grants = set()
        return self._grants

    # Ending, and looking back.

    async def close(self) -> None:
        """Close gracefully and wait until the connection is gone. Closing twice does no harm."""
        self.end()
        while not self._gone:
            waiter = self._loop.create_future()
            self._senders = [*(self._senders or ()), waiter]
            await waiter

    async def __aenter__(self) -> StreamConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def caused(self, error: BaseException) -> bool:
        """Whether `error` tells of the end of this very connection, by the peer or by us."""
        return error is self._fault or (isinstance(error, ConnectionClosed) and error.peer == str(self.peer))

    def statistics(self) -> Statistics:
        """Counts of messages and bytes in both directions, and the reason of the close."""
        return Statistics(
            self._messages_received, self._messages_sent, self._bytes_received, self._bytes_sent, self.reason
        )

    # What a host calls.

    def speak(self, payload: Payload, decode: Callable[[bytes], Any]) -> None:
        """Carry the values of a payload; `decode` makes them of messages."""
        if not isinstance(payload, Bytes):
            self._encode, self._decode = payload.encode, decode

    def number(self, requests: Requests | None) -> None:
        """Speak in numbered messages; `requests` matches the replies of the peer, if it is us who asks."""
        self._prefix = NOBODY_ASKED
        self._asking = None if requests is None else Asking(requests)

    def give_over(self) -> tuple[Requests | None, list[bytes]]:
        """Carry messages as they travel from here on, without payload and numbers: somebody else sees to these.

        Returns the requests so far (None: there were none), and the messages that nobody has received yet.
        """
        requests = None if self._asking is None else self._asking.requests
        self._asking = self._encode = self._decode = None
        self._prefix = b""
        return requests, [self._take() for _ in range(len(self._inbox))]

    def _put(self, messages: list[bytes]) -> None:
        if self._asking is None:
            super()._put(messages)
            return
        unasked: list[bytes] = []
        try:
            self._asking.settle(messages, unasked)
        except FramingError as error:
            self._fail(error)
        if unasked:
            super()._put(unasked)

    def _wants_message(self, awaited: bool) -> bool:
        return super()._wants_message(awaited) or (self._asking is not None and self._asking.waiting)

    def _hears_no_more(self) -> None:
        super()._hears_no_more()
        if self._asking is not None:
            self._asking.fail(self._fault or ConnectionClosed(str(self.peer), self.reason or self._natural_reason()))

    def send_now(self, messages: list[bytes]) -> bool:
        """Send messages, encoded by the payload, without waiting; unless the peer reads too slowly or we are closing.

        Returns whether they were sent.
        """
        if not (self.speaks and self._writable):
            return False
        self._write(messages)
        return True

    def send_frames(self, frames: bytes, count: int) -> bool:
        """The same for `count` messages that the framing has encoded already, as the bytes of `frames`."""
        if not (self.speaks and self._writable):
            return False
        self._write_frames(frames, count)
        return True

    @property
    def speaks(self) -> bool:
        """Whether it is open, and we have not ended our side of it."""
        return self._transport is not None and not (self.ending or self._sending_ended)

    @property
    def framing(self) -> Framing:
        """How messages end at the moment."""
        return self._framing
