"""Finding a sender on the local network by its number alone: IPv4 multicast, no further than one network."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator

from landline.address import TlsAddress, UdpAddress
from landline.errors import ListenError
from landline.transfer.closing import Closing
from landline.transfer.discovery_wire import GROUP, ID_BYTES, MOST_DATAGRAM, PORT, Answer, Query, decode, encode
from landline.transfer.rates import Rates
from landline.transport.interfaces import ipv4_addresses
from landline.transport.oserrors import listen_error

ANSWERS_A_SECOND = 20
"""Answers of one announcer; who looks asks three times a second, so this serves several and no flood."""
ASK_SECONDS = 0.3
LOOK_AROUND_SECONDS = 5.0
"""How often an announcer looks for interfaces that have come since, such as a wireless network."""
MOST_FOUND = 64
"""Answers to one search: more are somebody who makes them up."""


class Announcer(Closing):
    """Answers whoever looks for `number` on the local network with the TCP `port` to call, until it is closed.

    `number` is 1 to 99999, `port` 1 to 65535. Runs in a thread of its own; also a context manager. Interfaces that come
    later are joined within 5 s, so it may start without any network. Raises ListenError if port 8120 cannot be shared.
    """

    def __init__(self, number: int, port: int) -> None:
        self.number = number
        self.port = port
        self.answered = 0
        self._rate = Rates(ANSWERS_A_SECOND, 1.0)
        self._joined: set[str] = set()
        self._sock = _open_announcing()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._join()
        self._thread = threading.Thread(target=self._run, name="landline announce", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more. Closing twice does no harm."""
        if self._sock.fileno() < 0:
            return
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._sock.close()
        os.close(self._wake)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        look = time.monotonic() + LOOK_AROUND_SECONDS
        while True:
            ready = dict(poll.poll(1000 * max(0.0, look - time.monotonic())))
            if self._wake in ready:
                return
            if ready:
                self._answer_one()
            if time.monotonic() >= look:
                self._join()
                look = time.monotonic() + LOOK_AROUND_SECONDS

    def _join(self) -> None:
        """Be of the group on every interface there is, and forget those that are gone."""
        here = set(ipv4_addresses())
        for address in here - self._joined:
            # Twice on one interface, or more groups than the kernel allows: the others are still heard.
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _membership(address))
        for address in self._joined - here:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, _membership(address))
        self._joined = here

    def _answer_one(self) -> None:
        # A network that went away shows as an error of the socket; it may come back.
        with contextlib.suppress(OSError):
            data, asker = self._sock.recvfrom(MOST_DATAGRAM + 1)
            query = decode(data)
            if not isinstance(query, Query) or query.number != self.number:
                return
            if self._rate.allow(None, time.monotonic()):
                self._sock.sendto(encode(Answer(self.number, query.query_id, self.port)), asker)
                self.answered += 1


def find(number: int, seconds: float, stop: threading.Event | None = None) -> Iterator[TlsAddress]:
    """Look for the sender with `number` (1 to 99999) on every interface, for at most `seconds`.

    Asks every 0.3 s. Yields each address that answers once, as it comes: nothing says yet that it is the right one.
    Ends early, within 0.3 s, when `stop` is set; with no network it yields nothing.
    """
    query = Query(number, secrets.token_bytes(ID_BYTES))
    found: set[TlsAddress] = set()
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as opened:
        asking: dict[str, socket.socket] = {}
        while (now := time.monotonic()) < end and not (stop is not None and stop.is_set()):
            for address in ipv4_addresses():
                if address not in asking:
                    asking[address] = opened.enter_context(_open_asking(address))
            _ask(list(asking.values()), query)
            for one in _answers(list(asking.values()), query, min(end, now + ASK_SECONDS)):
                if one not in found and len(found) < MOST_FOUND:
                    found.add(one)
                    yield one


def _ask(socks: list[socket.socket], query: Query) -> None:
    for sock in socks:
        # An interface without a way out, or one that has gone.
        with contextlib.suppress(OSError):
            sock.sendto(encode(query), (GROUP, PORT))


def _answers(socks: list[socket.socket], query: Query, end: float) -> Iterator[TlsAddress]:
    by_descriptor = {sock.fileno(): sock for sock in socks}
    poll = select.poll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    while (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(1000 * left):
            with contextlib.suppress(OSError):
                data, source = by_descriptor[descriptor].recvfrom(MOST_DATAGRAM + 1)
                answer = decode(data)
                if isinstance(answer, Answer) and (answer.number, answer.query_id) == (query.number, query.query_id):
                    yield TlsAddress(source[0], answer.port)


def _open_announcing() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Several senders on one machine: Linux gives a multicast datagram to all sockets that share the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Bound to the group itself: what is sent to this machine alone does not come here.
        sock.bind((GROUP, PORT))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _cannot_announce(error) from error
    return sock


def _cannot_announce(error: OSError) -> ListenError:
    return listen_error(UdpAddress(GROUP, PORT), error)


def _open_asking(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        # A sender on this very machine is asked too.
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sock.bind((address, 0))
    return sock


def _membership(address: str) -> bytes:
    return struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
