"""Messages between a stream transport and whoever handles them.

Bytes go from the transport's callback into the decoder. From there messages go one of two ways: pushed to an answering
function, whose replies leave in one write for each read; or into an inbox, from where they are pulled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any

from landline.address import Address
from landline.connection.host import Host
from landline.connection.inbox import Inbox
from landline.connection.speaking import Speaking
from landline.connection.stepping import MOST_BYTES_A_TURN, Stepper
from landline.errors import ConnectionClosed, FramingError, IdentityRefused, MessageRejected, Reason
from landline.framing import Framing
from landline.limits import Limits
from landline.transport.options import unread_bytes

NO_MESSAGES = Inbox()
"""Stands in for the inbox of every connection that never needed one: an empty deque has 700 bytes."""
MOST_MESSAGES_A_TURN = 256
"""Messages handled before other connections get their turn: one read may hold 131 072 of them."""

Answer = Callable[[bytes], bytes | None]


class Behind:
    """What `answering` gives: a class, as a generator costs as much as the rest of an awaited message."""

    __slots__ = ("_flow",)

    def __init__(self, flow: MessageFlow) -> None:
        self._flow = flow

    def __enter__(self) -> None:
        self._flow._answering = True

    def __exit__(self, *_: object) -> None:
        self._flow._answering = False
        self._flow._do_what_was_wanted()


class MessageFlow(Speaking):
    """One end of a conversation, as its transport and its host see it."""

    __slots__ = (
        "_answer", "_answering", "_arriving", "_bytes_received", "_decoder", "_draining", "_end_wanted", "_feed",
        "_host", "_linger_left", "_messages_received", "_partial", "_peer_ended", "_pending", "_reading", "_receiver",
        "_turn", "_senders", "_sending_ended", "_sock", "_stepper", "_switch_to", "_writable", "local", "peer",
    )  # fmt: skip

    def __init__(self, host: Host, framing: Framing, limits: Limits, peer: Address, local: Address, sock: Any) -> None:
        self.peer = peer
        self.local = local
        self.reason: Reason | None = None
        self._host: Any = host
        self._framing = framing
        self._limits = limits
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._decoder = framing.decoder(limits)
        self._feed = self._decoder.feed
        self._stepper: Stepper | None = None
        self._switch_to: Framing | None = None
        self._transport: Any = None
        self._answer: Any = None
        self._pending: Iterator[bytes] | None = None
        self._inbox = NO_MESSAGES
        self._gathered = None
        self._gathered_bytes = 0
        self._receiver: asyncio.Future[None] | None = None
        self._senders: list[asyncio.Future[None]] | None = None
        self._fault: FramingError | IdentityRefused | None = None
        self._turn = MOST_MESSAGES_A_TURN
        self._messages_received = self._messages_sent = self._bytes_received = self._bytes_sent = 0
        self._linger_left = limits.receive_buffer_bytes
        self._arriving: int | None = 0
        self._reading = self._writable = True
        self._answering = self._partial = self._peer_ended = self._sending_ended = False
        self._ending = self._end_wanted = self._draining = self._gone = False

    def __repr__(self) -> str:
        state = self.reason.value if self.reason else "open"
        return f"<{type(self).__name__} {self.local} with {self.peer}, {self._framing}, {state}>"

    # What a host calls.

    def step_through(self) -> None:
        """Decode one message at a time from now on, so that what follows one may be in another framing."""
        self._stepper = Stepper(self._decoder)

    def push_to(self, answer: Answer) -> None:
        """Hand every message to `answer` from the transport's callback, and send what it returns."""
        self._answer = answer

    def answering(self) -> Behind:
        """A context within which `end` waits: it takes effect behind the reply that is sent within it. Returns it."""
        return Behind(self)

    def drain(self) -> None:
        """Take no new message: answer those that have arrived, finish the one that is half here, then close."""
        if not self._draining:
            self._draining = True
            self._arriving = unread_bytes(self._sock)
        if self._quiet():
            self._wake_receiver()
        self._settle()

    # Ending.

    def end_sending(self) -> None:
        """Half-close: say that no message follows. What the peer still sends can be received."""
        if not self._sending_ended and not self._gone:
            self._flush()
            self._sending_ended = True
            # A reset that has arrived but was not read yet shows here first; `connection_lost` will tell of it.
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def end(self, reason: Reason | None = None) -> None:
        """Close gracefully, without waiting: what was sent is delivered, then the connection goes.

        `reason` is the code of the close (None: what the course of the conversation says). Called by an answering
        function, it takes effect behind that function's reply. Bounded by slow_reader_seconds and linger_seconds.
        """
        if self.ending:
            return
        self.reason = self.reason or reason
        if self._answering:
            self._end_wanted = True
            return
        self.reason = self.reason or self._natural_reason()
        self._flush()
        self._ending = True
        self._pending = None
        self._host.watch.partial.stop(self)
        self._hears_no_more()
        # With a high-water mark of nothing, `resume_writing` tells when the last byte has left.
        self._transport.set_write_buffer_limits(high=0)
        self._set_reading(True)
        self.end_sending()
        if self._writable:
            self._linger()

    def abort(self, reason: Reason = Reason.ABORTED) -> None:
        """Close at once; what was not delivered yet is lost."""
        self.reason = self.reason or reason
        self._flush()
        self._ending = True
        if not self._gone:
            self._transport.abort()

    @property
    def ending(self) -> bool:
        """Whether the connection is being closed or is gone."""
        return self._ending or self._gone or self._end_wanted

    @property
    def delivered(self) -> bool:
        """Whether all that was to be said has left: only the peer's goodbye is still awaited."""
        return self._gone or (self._ending and self._writable)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=self._limits.send_buffer_bytes)
        self._host.opened(self)

    def data_received(self, data: bytes) -> None:
        self._bytes_received += len(data)
        if self._ending:
            return self._drop(data)
        if self._stepper is not None:
            self._stepper.put(data)
            completed = self._step(self._receiver is not None)
        else:
            try:
                messages = self._feed(data)
            except FramingError:
                messages = []
            completed = bool(messages)
            if completed:
                count = len(messages)
                self._messages_received += count
                if self._answer is not None:
                    self._answer_turn(iter(messages), count > self._turn)
                else:
                    self._put(messages)
            self._mind_rest(completed)
        if self._draining:
            # The message that was half here ends in the first read behind all that had arrived. What follows is new.
            ended = completed and not self._arriving
            self._arriving = None if ended else max(0, (self._arriving or 0) - self._arrived(data))
            self.drain()

    def eof_received(self) -> bool:
        self._peer_ended = True
        self._host.watch.partial.stop(self)
        if self._ending:
            self._transport.close()
            return True
        self._end_stream()
        self._settle()
        return True

    def pause_writing(self) -> None:
        self._writable = False
        self._host.watch.slow_reader.start(self)
        self._set_reading(self._wants_to_read())

    def resume_writing(self) -> None:
        self._writable = True
        self._host.watch.slow_reader.stop(self)
        self._wake_senders()
        # asyncio's transport calls this in the middle of its own write, where it must not be closed.
        self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._gone or (self._ending and not self._writable):
            return
        if self._ending:
            self._linger()
            return
        if self._pending is not None and self._writable:
            self._answer_turn(self._pending, True)
        self._step(self._receiver is not None)
        self._set_reading(self._wants_to_read())
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._note_loss(exc)
        self._host.watch.forget(self)
        self._pending = None
        self._hears_no_more()
        self._wake_senders()
        self._host.closed(self)

    # Decoding.

    def _mind_rest(self, completed: bool) -> None:
        """Look after what the decoder holds: an error, or a message that is half here and has its time."""
        decoder = self._decoder
        if decoder.error is not None:
            self._fail(decoder.error)
        elif decoder.held:
            if completed or not self._partial:
                self._partial = True
                if self._reading and not self._ending:
                    self._host.watch.partial.start(self)
        elif self._partial:
            self._partial = False
            self._host.watch.partial.stop(self)

    def _step(self, awaited: bool) -> bool:
        """Decode messages while who is `awaited`, or an answering function, wants one. Returns whether one came."""
        if self._stepper is None:
            return False
        completed, turn = False, MOST_BYTES_A_TURN
        while turn > 0 and self._fault is None and (unread := self._undecoded) and self._wants_message(awaited):
            try:
                message = self._stepper.next(turn)
            except FramingError:
                break
            turn -= unread - self._undecoded
            if message is not None:
                completed = True
                self._messages_received += 1
                if self._answer is None:
                    self._put([message])
                else:
                    self._answer_turn(iter((message,)), False)
        if turn <= 0:
            self._loop.call_soon(self._go_on)
        self._mind_rest(completed)
        self._end_stream()
        self._set_reading(self._wants_to_read())
        return completed

    def _wants_message(self, awaited: bool) -> bool:
        if self._answer is not None:
            return self._pending is None and self._writable and not self._ending
        return awaited and not self._inbox

    @property
    def _undecoded(self) -> int:
        return 0 if self._stepper is None else self._stepper.unread

    def _end_stream(self) -> None:
        """Once the peer has ended and all is decoded, no message follows."""
        if self._peer_ended and not self._undecoded and self._fault is None:
            try:
                self._decoder.eof()
            except FramingError as error:
                self._fail(error)
            self._hears_no_more()

    def _switch(self, framing: Framing) -> None:
        assert self._stepper is not None
        self._switch_to = None
        self._framing = framing
        self._decoder = framing.decoder(self._limits)
        self._stepper.switch(self._decoder)
        self._mind_rest(False)

    # Pushing.

    def _answer_turn(self, messages: Iterator[bytes], many: bool) -> None:
        """Answer messages until none is left, the connection ends, the send buffer is full, or others have their turn.

        `many` says that they may be more than a turn has.
        """
        rest = self._answer_some(islice(messages, self._turn) if many else messages)
        self._do_what_was_wanted()
        if (rest or (many and length_hint(messages))) and not self._ending:
            self._pending = messages
            self._set_reading(False)
            if self._writable:
                self._loop.call_soon(self._go_on)
        else:
            self._pending = None

    def _answer_some(self, messages: Iterator[bytes]) -> bool:
        """Answer as many messages as fit the send buffer, with one write. Returns whether messages may be left.

        The loop is what a message costs: nothing is in it that can stand outside.
        """
        self._answering = True
        answer = self._answer
        room: int = self._limits.send_buffer_bytes - self._transport.get_write_buffer_size()
        replies: list[bytes] = []
        append = replies.append
        while True:
            try:
                for message in messages:
                    reply = answer(message)
                    if reply is not None:
                        append(reply)
                        room -= len(reply)
                        if room < 0:
                            break
                if replies:
                    self._write(replies)
            except MessageRejected as rejected:
                if rejected.peer is None:
                    append(self._host.rejection(self, rejected))
                    room -= len(replies[-1])
                    continue
                self._answer_failed(rejected, replies)
            except (Exception, asyncio.CancelledError) as error:
                self._answer_failed(error, replies)
            break
        self._answering = False
        return room < 0

    def _answer_failed(self, error: BaseException, replies: list[bytes]) -> None:
        """The handler raised, or gave a reply that cannot be sent: send what came before that, then close."""
        self._host.handler_failed(self, error)
        self.reason, self._end_wanted = Reason.HANDLER_ERROR, True
        for reply in replies:
            try:
                self._write([reply])
            except Exception:
                # This is the reply that could not be sent; the host was told of it above.
                return

    # Pulling.

    async def _message_there(self) -> None:
        while not self._inbox:
            if self._receiver is not None:
                raise RuntimeError("two tasks receive from one connection; let one of them hand messages on")
            if self._step(True) and self._inbox:
                return
            self._check_receiving()
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None

    def _take(self) -> bytes:
        message = self._inbox.take()
        if not self._reading:
            self._set_reading(self._wants_to_read())
        return message

    def _put(self, messages: list[bytes]) -> None:
        if self._inbox is NO_MESSAGES:
            self._inbox = Inbox()
        self._inbox.put(messages)
        if self._inbox.held_bytes > self._limits.receive_buffer_bytes:
            self._set_reading(False)
        self._wake_receiver()

    def _check_receiving(self) -> None:
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        if (self._peer_ended and not self._undecoded) or self.ending or (self._draining and self._quiet()):
            raise ConnectionClosed(str(self.peer), self.reason or self._natural_reason())

    def _hears_no_more(self) -> None:
        """No message follows: the stream has ended, or is wrong, or is over."""
        self._wake_receiver()

    def _wake_receiver(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    def _wake_senders(self) -> None:
        for waiter in self._senders or ():
            if not waiter.done():
                waiter.set_result(None)
        self._senders = None

    # Reading and not reading.

    def _wants_to_read(self) -> bool:
        if self._ending or self._fault is not None:
            return self._ending
        if self._answer is not None and not (self._writable and self._pending is None):
            return False
        # Whoever pulls is held back by `send` itself. Reading goes on meanwhile: two ends that each stop reading
        # because the other does not read would wait for each other.
        return self._inbox.held_bytes + self._undecoded <= self._limits.receive_buffer_bytes

    def _set_reading(self, wanted: bool) -> None:
        if wanted == self._reading or self._peer_ended or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
            if self._partial and not self._ending:
                self._host.watch.partial.start(self)
        else:
            # While we do not read, the peer cannot finish its message: its time stands still.
            self._transport.pause_reading()
            self._host.watch.partial.stop(self)

    def _quiet(self) -> bool:
        """Whether no message is in hand, nor any of those half here, or in the kernel, when draining began."""
        if self._pending is not None or self._inbox or self._undecoded:
            return False
        return self._peer_ended or self._arriving is None or not (self._arriving or self._decoder.held)

    # Ending.

    def _fail(self, error: FramingError) -> None:
        """The peer broke the framing. What it sent before is still answered, nothing more is read."""
        self._fault = error
        self._host.watch.partial.stop(self)
        self._partial = False
        self._set_reading(False)
        self._hears_no_more()
        self._settle()

    def _settle(self) -> None:
        """End a connection that answers by itself, when no message is in hand and none is to come."""
        if self._answer is None or self._pending is not None:
            return
        if self._fault is not None or (self._peer_ended and not self._undecoded) or (self._draining and self._quiet()):
            self.end()

    def _do_what_was_wanted(self) -> None:
        """Switch and end, as a handler asked for: both take effect behind its reply."""
        if self._switch_to is not None:
            self._switch(self._switch_to)
        if self._end_wanted:
            self._end_wanted = False
            self.end()

    def _natural_reason(self) -> Reason:
        if self._fault is not None:
            return self._fault.reason
        if self._peer_ended:
            return Reason.PEER_CLOSED
        return Reason.DRAINING if self._draining else Reason.FINISHED

    def _linger(self) -> None:
        """Everything of ours is sent: wait for the peer to end its side.

        Closing on bytes not read sends a reset (RFC 1122, 4.2.2.13), which may take back what the peer has received.
        """
        if self._peer_ended or not self._limits.linger_seconds:
            self._transport.close()
        else:
            self._host.watch.lingering.start(self)

    def _drop(self, data: bytes) -> None:
        self._linger_left -= len(data)
        if self._linger_left < 0:
            self._transport.abort()
