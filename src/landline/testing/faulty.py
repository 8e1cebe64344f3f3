"""Faults on real connections, between two transports of any kind: in memory, or a proxy between sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from functools import partial
from random import Random
from typing import Any

from landline.address import Address, UnixAddress
from landline.address import parse as parse_address
from landline.errors import LandlineError, ServiceError
from landline.testing.faults import Ending, FaultPlan, Faults, Timed
from landline.testing.memory import DEFAULT_PIPE_BYTES, READ_BYTES, MemoryTransport, Reads, connect_in_memory
from landline.transport.dial import dial
from landline.transport.listen import Listener, open_listeners

MOST_HELD_BYTES = 64 * 1024
"""What each direction of a faulty connection holds before its sender must wait."""


class Side(asyncio.Protocol):
    """One side of a faulty connection: what it receives arrives at the `other` side, as its plan says."""

    def __init__(self, plan: FaultPlan) -> None:
        self.other: Side
        self.transport: Any = None
        self.gone = asyncio.get_running_loop().create_future()
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._early: list[bytes] | None = []
        self._coming: deque[Timed] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writable = self._reading = True
        self._ended = False

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the relay starts with `start`."""
        self.transport = transport
        self.transport.set_write_buffer_limits(high=MOST_HELD_BYTES)

    def start(self) -> None:
        """Begin to relay: both sides are there. What this one said before comes first; no bytes stand for its end."""
        early, self._early = self._early or [], None
        self._plan_on(self._plan.start(self._loop.time()))
        for data in early:
            if data:
                self.data_received(data)
            else:
                self.eof_received()

    def data_received(self, data: bytes) -> None:
        """Plan when these bytes arrive."""
        if self._early is not None:
            self._early.append(data)
            return
        self._plan_on(self._plan.take(data, self._loop.time()))

    def eof_received(self) -> bool:
        """Plan when the end arrives."""
        if self._early is not None:
            self._early.append(b"")
            return True
        self._plan_on(self._plan.end(self._loop.time()))
        return True

    def pause_writing(self) -> None:
        """The receiver lags: what comes from the other side waits."""
        self._writable = False

    def resume_writing(self) -> None:
        """The receiver has caught up."""
        self._writable = True
        self._loop.call_soon(self.other.deliver)

    def connection_lost(self, exc: Exception | None) -> None:
        """A reset hits both sides, unless this direction carries nothing any more."""
        self.gone.set_result(None)
        self.stop()
        if exc is not None and not self._plan.silent:
            self.other.reset()

    # What arrives.

    def deliver(self) -> None:
        """Let everything arrive that is due and fits."""
        while self._coming and self.other._writable and not self.gone.done():
            due, action = self._coming[0]
            if due > self._loop.time():
                self._wake_at(due)
                break
            self._coming.popleft()
            if isinstance(action, bytes):
                self._held_bytes -= len(action)
                self.other.write(action)
            elif action is Ending.END:
                self.end()
            else:
                self.reset()
                self.other.reset()
        self._read_if_wanted()

    def write(self, data: bytes) -> None:
        """Send to whoever is on this side."""
        if not self.transport.is_closing() and not self._ended:
            self.transport.write(data)

    def end(self) -> None:
        """End the stream towards the other side; when both are ended, the connection is over."""
        other = self.other
        if not other._ended and not other.transport.is_closing():
            other._ended = True
            with contextlib.suppress(OSError):
                other.transport.write_eof()
        if self._ended:
            self.transport.close()
            other.transport.close()

    def reset(self) -> None:
        """Reset the connection with whoever is on this side."""
        self.stop()
        if self.transport is not None and not self.gone.done():
            _reset_on_close(self.transport)
            self.transport.abort()

    def stop(self) -> None:
        """Let nothing more arrive from this side."""
        self._coming.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Planning.

    def _plan_on(self, arriving: list[Timed]) -> None:
        self._coming += arriving
        self._held_bytes += sum(len(action) for _, action in arriving if isinstance(action, bytes))
        self.deliver()

    def _wake_at(self, due: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.deliver()

    def _read_if_wanted(self) -> None:
        wanted = self._plan.wants_more and self._held_bytes < MOST_HELD_BYTES
        if wanted != self._reading and not self.transport.is_closing():
            self._reading = wanted
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()


def connect_with_faults(
    first: asyncio.Protocol,
    second: asyncio.Protocol,
    to_second: Faults = Faults.NONE,
    to_first: Faults = Faults.NONE,
    *,
    number: int = 0,
    pipe_bytes: int = DEFAULT_PIPE_BYTES,
    reads: Reads = READ_BYTES,
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two protocols, `first` and `second`, in memory, over a line with faults.

    `to_second` and `to_first` are the faults of the two directions, `number` which connection this is (each has its own
    chances); `pipe_bytes` and `reads` are those of `connect_in_memory`. Returns both transports.
    """
    near, far = _sides(to_second, to_first, number)
    first_end, _ = connect_in_memory(first, near, pipe_bytes=pipe_bytes, reads=reads)
    _, second_end = connect_in_memory(far, second, pipe_bytes=pipe_bytes, reads=reads)
    near.start()
    far.start()
    return first_end, second_end


class FaultyProxy:
    """A proxy that does to every connection what a bad network does. An async context manager.

    `target` is the address it calls, tcp or unix (text or Address); `to_target` are the faults on what the callers send
    and `to_caller` on what they get back; `listen` is where callers come to, any free port of 127.0.0.1 by default.
    In it, `address` is where it listens. Entering raises ListenError, or ServiceError for an address without streams.
    A caller whose call cannot be passed on is reset.
    """

    def __init__(
        self,
        target: str | Address,
        to_target: Faults = Faults.NONE,
        to_caller: Faults = Faults.NONE,
        *,
        listen: str | Address = "tcp://127.0.0.1:0",
    ) -> None:
        self.target = parse_address(target) if isinstance(target, str) else target
        self.to_target = to_target
        self.to_caller = to_caller
        self.calls = 0
        self._listen = parse_address(listen) if isinstance(listen, str) else listen
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._sides: set[Side] = set()
        self._calling: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where the proxy listens. Raises ServiceError when it does not."""
        if self._listener is None:
            raise ServiceError("the proxy listens only inside `async with`")
        return self._listener.address

    async def __aenter__(self) -> FaultyProxy:
        listeners = await asyncio.get_running_loop().run_in_executor(None, open_listeners, self._listen)
        for spare in listeners[1:]:
            spare.close()
        if listeners[0].datagram:
            listeners[0].close()
            raise ServiceError(f"the proxy is for streams and cannot listen on {self._listen}; give it tcp or unix")
        self._listener = listeners[0]
        loop = asyncio.get_running_loop()
        unix = isinstance(self._listener.address, UnixAddress)
        create = loop.create_unix_server if unix else loop.create_server
        self._server = await create(self._new_caller, sock=self._listener.sock)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None and self._server is not None
        self._server.close()
        self._listener.close()
        for call in self._calling:
            call.cancel()
        if self._calling:
            await asyncio.wait(self._calling)
        for side in self._sides:
            side.reset()
        if open_sides := [side.gone for side in self._sides if side.transport is not None]:
            await asyncio.wait(open_sides)

    def _new_caller(self) -> Side:
        near, far = _sides(self.to_target, self.to_caller, self.calls)
        self.calls += 1
        self._sides |= {near, far}
        for side in (near, far):
            side.gone.add_done_callback(partial(self._forget, side))
        call = asyncio.get_running_loop().create_task(self._call(near, far))
        self._calling.add(call)
        call.add_done_callback(self._calling.discard)
        return near

    def _forget(self, side: Side, _: object) -> None:
        self._sides.discard(side)

    async def _call(self, near: Side, far: Side) -> None:
        while near.transport is None:  # The loop makes the connection before it does anything else.
            await asyncio.sleep(0)
        near.transport.pause_reading()
        try:
            sock = await dial(self.target)
        except LandlineError:
            self._sides.discard(far)
            near.reset()
            return
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, sock=sock)
        except BaseException:
            sock.close()
            raise
        if near.gone.done():
            far.reset()
            return
        near.transport.resume_reading()
        near.start()
        far.start()


def _sides(forth: Faults, back: Faults, number: int) -> tuple[Side, Side]:
    near, far = Side(_plan(forth, f"{number} forth")), Side(_plan(back, f"{number} back"))
    near.other, far.other = far, near
    return near, far


def _plan(faults: Faults, which: str) -> FaultPlan:
    return FaultPlan(faults, Random(f"{faults.seed} {which}").random)


def _reset_on_close(transport: Any) -> None:
    """With SO_LINGER at 0 a close sends a reset (socket(7)). The option is the socket's, not the descriptor's."""
    known = transport.get_extra_info("socket")
    if known is not None and known.fileno() >= 0:
        with socket.socket(fileno=os.dup(known.fileno())) as twin, contextlib.suppress(OSError):
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
