"""A service's message handler over UDP: one datagram in, at most one out."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

from landline.address import Address
from landline.connection.datagram import MOST_READS_A_WAKE, Datagram, DatagramReader, check_datagram
from landline.errors import MessageRejected
from landline.server.running import RunningService, told_to_stop
from landline.server.service import Service
from landline.server.telling import Teller
from landline.transport.listen import Listener, socket_address
from landline.transport.options import grow_receive_buffer, kernel_drops

log = logging.getLogger("landline.server")

MOST_WAITING_ANSWERS = 1024
"""Handlers that may await at once on one socket; a datagram beyond that is dropped and counted, as the kernel would."""


class DatagramPeer:
    """What a handler of `(message, connection)` is given for a datagram: who sent it, and where it arrived.

    Datagrams have no conversation: nothing can be ended, and what is granted or kept in `state` is so for this one.
    """

    ending = False

    def __init__(
        self, sock: socket.socket, sender: Any, local: Address, new_state: Callable[[], Any] = SimpleNamespace
    ) -> None:
        self._sock = sock
        self._sender = sender
        self._new_state = new_state
        self.local = local
        self.grants: set[str] = set()

    @cached_property
    def state(self) -> Any:
        """What a service remembers of this datagram: what Service(state=...) makes, else a namespace."""
        return self._new_state()

    @cached_property
    def peer(self) -> Address:
        """The address that the datagram came from."""
        return socket_address(self._sock, self._sender)


class DatagramSocket:
    """One UDP socket of a running service."""

    def __init__(self, running: RunningService, listener: Listener) -> None:
        self._running = running
        self._counts = running.counts
        self._listener = listener
        self._sock = listener.sock
        self._answering = running.answering
        self._awaits = running.service.awaits
        self._reader = DatagramReader(self._sock, running.service.limits)
        self._tasks: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._drops_seen = kernel_drops(self._sock) or 0
        self._cuts, self._unsent, self._drops = Teller(), Teller(), Teller()
        self.receive_buffer_bytes = grow_receive_buffer(self._sock, running.service.limits.udp_receive_buffer_bytes)
        self._tell_buffer()
        self._loop.add_reader(self._sock, self._readable)

    @property
    def service(self) -> Service:
        """The service that answers here."""
        return self._running.service

    async def close(self, seconds: float) -> None:
        """Answer what has arrived, wait at most `seconds` for handlers that await, and close."""
        self._loop.remove_reader(self._sock)
        # New ones come in while we read: a flood must not hold the stop up for longer than anything else may.
        deadline = self._loop.time() + seconds
        while self._read_some() and self._loop.time() < deadline:
            await asyncio.sleep(0)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=max(0.0, deadline - self._loop.time()))
            self._counts.cut_off += len(late)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._count_drops()
        self._listener.close()

    def _tell_buffer(self) -> None:
        wanted, granted = self._running.service.limits.udp_receive_buffer_bytes, self.receive_buffer_bytes
        log.log(
            logging.INFO if granted < wanted else logging.DEBUG,
            "%s: %s has a receive buffer of %d bytes (%d asked for; net.core.rmem_max is the most)",
            self._running.service.name, self._listener.address, granted, wanted,
        )  # fmt: skip

    def _readable(self) -> None:
        self._read_some()
        self._count_drops()

    def _read_some(self) -> bool:
        """Take what waits, up to a fair share. Returns whether more may wait."""
        for _ in range(MOST_READS_A_WAKE):
            try:
                datagram = self._reader.read()
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                # An ICMP error about an earlier reply; it concerns that one peer and nobody else.
                log.debug("%s: a reply did not arrive: %s", self._running.service.name, error)
                continue
            self._take(datagram)
        return True

    def _take(self, datagram: Datagram) -> None:
        self._counts.datagrams += 1
        self._counts.bytes_received += len(datagram.data)
        if datagram.cut:
            self._cut(datagram)
        elif not self._awaits:
            self._answer(datagram)
        elif len(self._tasks) >= MOST_WAITING_ANSWERS:
            self._counts.datagrams_failed += 1
        else:
            task = self._loop.create_task(self._answer_awaiting(datagram))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _cut(self, datagram: Datagram) -> None:
        self._counts.datagrams_cut += 1
        if times := self._cuts.due(self._loop.time()):
            log.warning("%s: a datagram from %s has over %d bytes, was cut and is not answered (%d since last told)",
                        self._running.service.name, self._name(datagram.sender), self._reader.room, times)  # fmt: skip

    def _answer(self, datagram: Datagram) -> None:
        try:
            self._reply(self._call(datagram), datagram.sender)
        except MessageRejected as rejected:
            self._reject(datagram, rejected)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(datagram, error)

    async def _answer_awaiting(self, datagram: Datagram) -> None:
        try:
            self._reply(await self._call(datagram), datagram.sender)
        except MessageRejected as rejected:
            self._reject(datagram, rejected)
        except (Exception, asyncio.CancelledError) as error:
            if told_to_stop(error):
                raise
            self._failed(datagram, error)

    def _call(self, datagram: Datagram) -> Any:
        new_state = self.service.state or SimpleNamespace
        peer = DatagramPeer(self._sock, datagram.sender, self._listener.address, new_state)
        assert self._answering is not None
        return self._answering.answer_for(peer, partial(self._running.rejected, peer))(datagram.data)

    def _reject(self, datagram: Datagram, rejected: MessageRejected) -> None:
        if rejected.peer is not None:
            self._failed(datagram, rejected)
            return
        peer = DatagramPeer(self._sock, datagram.sender, self._listener.address)
        assert self._answering is not None
        refusal = self._running.rejection(peer, rejected)
        # Two services that refuse each other's refusals would never stop (CVE-2024-2169).
        if not self._answering.payload.is_rejection(datagram.data):
            self._reply(refusal, datagram.sender)

    def _reply(self, reply: bytes | None, sender: Any) -> None:
        if reply is None:
            return
        check_datagram(reply)
        try:
            self._sock.sendto(reply, sender)
        except (BlockingIOError, InterruptedError):
            self._counts.replies_dropped += 1
            return
        except OSError as error:
            self._counts.replies_dropped += 1
            if times := self._unsent.due(self._loop.time()):
                log.info("%s: a reply to %s was not sent: %s (%d since last told)",
                         self._running.service.name, self._name(sender), error, times)  # fmt: skip
            return
        self._counts.bytes_sent += len(reply)

    def _failed(self, datagram: Datagram, error: BaseException) -> None:
        self._counts.datagrams_failed += 1
        name = self._running.service.name
        log.error("%s: the handler failed on a datagram of %s", name, self._name(datagram.sender), exc_info=error)

    def _name(self, sender: Any) -> str:
        return str(socket_address(self._sock, sender))

    def _count_drops(self) -> None:
        dropped = kernel_drops(self._sock)
        if dropped is not None and dropped > self._drops_seen:
            new = dropped - self._drops_seen
            self._drops_seen = dropped
            self._counts.kernel_drops += new
            if self._drops.due(self._loop.time()):
                log.warning("%s: the kernel has dropped %d datagrams on %s: they came faster than they were read",
                            self._running.service.name, dropped, self._listener.address)  # fmt: skip
