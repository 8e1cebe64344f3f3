"""Server: services on addresses, from the first accept to the last report."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from landline.address import Address
from landline.address import parse as parse_address
from landline.errors import ServiceError
from landline.server.accepting import Acceptor
from landline.server.admission import Admission
from landline.server.answering import Answering
from landline.server.datagrams import DatagramSocket
from landline.server.handler_datagrams import HandlerDatagrams
from landline.server.lifespan import Lifespan
from landline.server.renewal import Renewal, check_datagram_tls, check_tls
from landline.server.report import Counts
from landline.server.running import RunningService
from landline.server.service import Service
from landline.transport.descriptors import Reserve, default_max_connections, open_descriptors, soft_limit
from landline.transport.listen import Listener, open_listeners

log = logging.getLogger("landline.server")


@dataclass(frozen=True, slots=True)
class Listening:
    """A service on an address, as it accepts: the real port, and a note on what the address does not say."""

    service: Service
    address: Address
    note: str = ""


def as_binding(pair: object) -> tuple[Service, str | Address]:
    """A pair of a Service and its address. Raises ServiceError for anything else."""
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], Service)):
        raise ServiceError(f"a server runs pairs such as (service, '127.0.0.1:9000'), and not {pair!r}")
    return pair[0], pair[1]


class Server:
    """Runs services on addresses, any number of each, on the running event loop.

    `bindings` are pairs of a Service and an address (text or Address). `start` opens all of them or none; `stop` lets
    what is in hand finish. Also an async context manager that does both.
    """

    def __init__(self, bindings: Iterable[tuple[Service, str | Address]]) -> None:
        if not isinstance(bindings, Iterable):
            raise ServiceError(f"a server runs a list of pairs (service, address), and not {bindings!r}: put it in [ ]")
        self._bindings = [(service, parse_address(address)) for service, address in map(as_binding, bindings)]
        self.listening: list[Listening] = []
        self._running: dict[int, RunningService] = {}
        self._acceptors: list[Acceptor] = []
        self._datagrams: list[DatagramSocket] = []
        self._reserve: Reserve | None = None
        self.renewal = Renewal(service.tls for service, _ in self._bindings)
        self._lifespan = Lifespan([service for service, _ in self._bindings])

    @property
    def bindings(self) -> list[tuple[Service, Address]]:
        """The services and their addresses, as they were declared."""
        return list(self._bindings)

    async def start(self) -> None:
        """Open every address, let the services start up, and accept.

        Raises ListenError, ServiceError, or what a `startup` handler raises; then nothing is left open.
        """
        opened: list[tuple[Service, Listener]] = []
        try:
            for service, address in self._bindings:
                check_tls(service, address)
                listeners = await asyncio.get_running_loop().run_in_executor(None, open_listeners, address)
                opened += [(service, listener) for listener in listeners]
                for listener in listeners:
                    service.check(listener.datagram)
                    check_datagram_tls(service, listener.address, listener.datagram)
                if service.answers:
                    # Made here once to find what does not fit together before anything starts.
                    Answering(service)
            await self._lifespan.start()
        except BaseException:
            for _, listener in opened:
                listener.close()
            raise
        self._reserve = Reserve()
        self._accept_on(opened)
        self.renewal.start()

    async def stop(self, drain_seconds: float | None = None) -> Counts:
        """Accept no more, let what is in hand finish, and cut off what has not by then.

        `drain_seconds` overrides the limit of each service. Returns what all services counted.
        """
        self.renewal.stop()
        for acceptor in self._acceptors:
            acceptor.close()
        waits = [socket.close(self._drain_seconds(socket.service, drain_seconds)) for socket in self._datagrams] + [
            running.drain(self._drain_seconds(running.service, drain_seconds)) for running in self._running.values()
        ]
        await asyncio.gather(*waits)
        await asyncio.gather(*(running.end_threads() for running in self._running.values()))
        if self._reserve is not None:
            self._reserve.close()
        self._acceptors, self._datagrams = [], []
        for running in self._running.values():
            with contextlib.suppress(ValueError):
                running.service.declared.running.remove(running)
        await self._lifespan.stop()
        return self.counts()

    def counts(self) -> Counts:
        """What all services have counted so far."""
        total = Counts()
        for running in self._running.values():
            total.add(running.counts)
        total.certificate_days_left = self.renewal.days_left()
        return total

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _accept_on(self, opened: list[tuple[Service, Listener]]) -> None:
        assert self._reserve is not None
        # Services without a limit of their own share what the process has.
        places = default_max_connections(soft_limit(), open_descriptors())
        shared: dict[int, Admission] = {}
        for service, listener in opened:
            if id(service) not in self._running:
                limits = service.limits
                own = Admission(limits.max_connections or places, limits.max_connections_per_peer)
                if limits.max_connections is None:
                    own = shared.setdefault(limits.max_connections_per_peer, own)
                self._running[id(service)] = RunningService(service, own)
                service.declared.running.append(self._running[id(service)])
            running = self._running[id(service)]
            if running.threads is not None:
                running.threads.listens(listener)
            if listener.datagram:
                by_class = service.handler_class is not None
                self._datagrams.append((HandlerDatagrams if by_class else DatagramSocket)(running, listener))
            else:
                self._acceptors.append(Acceptor(running, listener, self._reserve))
            if listener.note:
                log.info("%s: %s is %s", service.name, listener.address, listener.note)
            self.listening.append(Listening(service, listener.address, listener.note))
        log.debug("at most %d connections (descriptor limit %d)", places, soft_limit())

    def _drain_seconds(self, service: Service, override: float | None) -> float:
        return service.limits.drain_seconds if override is None else override
