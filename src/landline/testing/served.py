"""A service that runs in memory: no sockets, no kernel, and any clock the event loop has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from landline.address import TcpAddress
from landline.connection.client import Client
from landline.connection.stream import StreamConnection
from landline.connection.wording import parse_wording
from landline.errors import ConnectError, ServiceError
from landline.server.admission import Admission, peer_group
from landline.server.lifespan import Lifespan
from landline.server.running import RunningService
from landline.server.service import Service
from landline.testing.faults import Faults
from landline.testing.faulty import connect_with_faults
from landline.testing.memory import DEFAULT_PIPE_BYTES, READ_BYTES, MemoryTransport, Reads, connect_in_memory

HERE = TcpAddress("127.0.0.1", 8101)
FIRST_CALLER_PORT = 40_000
ROOMY = 10_000
"""Places of a service whose limits do not say: here no descriptors are counted."""


class NoSocket:
    """Stands in for the socket that a connection in memory does not have: nothing is unread in it."""

    def fileno(self) -> int:
        """The number of no descriptor."""
        return -1


class WatchedService(RunningService):
    """A running service that keeps what its handlers raised: `failures`."""

    def __init__(self, service: Service, admission: Admission) -> None:
        super().__init__(service, admission)
        self.failures: list[BaseException] = []

    def handler_failed(self, connection: StreamConnection, error: BaseException) -> None:
        """Keep the error, and log it as ever."""
        self.failures.append(error)
        super().handler_failed(connection, error)


class MemoryService:
    """A service that runs in memory, as `serve_in_memory` gives it.

    `running` is the engine's own RunningService, whose `counts` tell what happened.
    """

    def __init__(self, service: Service) -> None:
        limits = service.limits
        service.check(datagram=False)
        if service.threaded:
            raise ServiceError(
                f"{service.name} blocks in threads, which do not run in memory: "
                "use the fixture `serve`, or a Server on port 0"
            )
        self.service = service = in_clear(service)
        admission = Admission(limits.max_connections or ROOMY, limits.max_connections_per_peer)
        self.running = WatchedService(service, admission)
        self._calls = 0

    @property
    def failures(self) -> list[BaseException]:
        """What handlers raised so far."""
        return self.running.failures

    async def connect(
        self,
        *,
        payload: Any = None,
        reads: Reads = READ_BYTES,
        faults: Faults = Faults.NONE,
        back: Faults = Faults.NONE,
    ) -> StreamConnection:
        """Call the service as `landline.connect` does.

        `payload` is what messages mean to the client, which then numbers its requests where the service does; None for
        bytes as they are. `reads` is the most bytes each side gets at once, or a function that says it anew each time;
        `faults` are those of what the client sends, `back` of what it gets. Returns the client's connection. Raises
        ConnectError when the service has no place, UsageError for a payload that cannot be.
        """
        connection = self.join(reads, faults, back)[0]
        if payload is not None:
            service = self.service
            wording = parse_wording(service.framing, payload, service.replies, service.limits, HERE)
            connection.speak(wording.payload, wording.decode)
            if wording.numbered:
                connection.number(wording.requests())
        return connection

    def connect_raw(
        self,
        protocol: asyncio.Protocol,
        *,
        pipe_bytes: int = DEFAULT_PIPE_BYTES,
        reads: Reads = READ_BYTES,
        faults: Faults = Faults.NONE,
        back: Faults = Faults.NONE,
    ) -> MemoryTransport:
        """Call the service with a protocol of your own, which gets bytes as they are.

        `pipe_bytes` is what each direction holds before its sender waits; `reads`, `faults` and `back` are those of
        `connect`. Returns the caller's transport.
        """
        transport, _ = self._join_protocol(protocol, self._next_caller(), pipe_bytes, reads, faults, back)
        return transport

    def join(
        self, reads: Reads = READ_BYTES, faults: Faults = Faults.NONE, back: Faults = Faults.NONE
    ) -> tuple[StreamConnection, MemoryTransport, StreamConnection]:
        """Call like `connect`, with its `reads`, `faults` and `back`.

        Returns the client's connection, its transport, and the connection of the service.
        """
        peer, service = self._next_caller(), self.service
        client = StreamConnection(Client(service.limits), service.framing, service.limits, HERE, peer, NoSocket())
        transport, served = self._join_protocol(client, peer, DEFAULT_PIPE_BYTES, reads, faults, back)
        return client, transport, served

    def _join_protocol(
        self, protocol: asyncio.Protocol, peer: TcpAddress, pipe_bytes: int, reads: Reads, faults: Faults, back: Faults
    ) -> tuple[MemoryTransport, StreamConnection]:
        group = peer_group(peer)
        refusal = self.running.admission.admit(group)
        if refusal is not None:
            raise ConnectError(str(HERE), refusal)
        served = self.running.join(peer, HERE, NoSocket(), group)
        if faults == back == Faults.NONE:
            transport, _ = connect_in_memory(protocol, served, pipe_bytes=pipe_bytes, reads=reads)
        else:
            transport, _ = connect_with_faults(
                protocol, served, faults, back, number=self._calls, pipe_bytes=pipe_bytes, reads=reads
            )
        return transport, served

    def _next_caller(self) -> TcpAddress:
        self._calls += 1
        return TcpAddress("127.0.0.1", FIRST_CALLER_PORT + self._calls)


def in_clear(service: Service) -> Service:
    """The service without its TLS: in memory nobody listens in."""
    if service.tls is None:
        return service
    plain = service.with_options()
    plain.tls = None
    return plain


@asynccontextmanager
async def serve_in_memory(service: Service, drain_seconds: float = 0.0) -> AsyncIterator[MemoryService]:
    """Run a service in memory while the block lasts, on the running event loop.

    Its `startup` and `shutdown` run, and broadcasts reach the clients. TLS is left out. At the end, what is in hand may
    finish for `drain_seconds`. Gives a MemoryService. Raises ServiceError for a service that has no handler for
    streams, or whose handlers block.
    """
    served = MemoryService(service)
    lifespan = Lifespan([service])
    await lifespan.start()
    service.declared.running.append(served.running)
    try:
        yield served
    finally:
        await served.running.drain(drain_seconds)
        service.declared.running.remove(served.running)
        await lifespan.stop()
