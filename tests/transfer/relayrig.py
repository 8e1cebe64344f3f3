"""A relay in the background for tests, callers of it that say what they like, and pairs through it."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from landline.address import Address, TcpAddress, UnixAddress
from landline.testing.background import Background
from landline.transfer.relay import Relay
from landline.transfer.relay_wire import HEAD_BYTES, Answer, Hello, decode_answer, encode_hello, sentence_bytes
from landline.transfer.relaying import RelayHost, join

WAIT_SECONDS = 20.0
KEY = bytes(range(16))


class Relays:
    """Starts relays in the background of a test."""

    def __init__(self, serve: Background) -> None:
        self._serve = serve
        self.relay = Relay()

    def __call__(self, relay: Relay | None = None, address: str = "tcp://127.0.0.1:0") -> Address:
        """Run a relay; where it listens."""
        self.relay = relay or self.relay
        return self._serve(self.relay.service, address)


def call(address: Address) -> socket.socket:
    """A plain connection."""
    if isinstance(address, UnixAddress):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT_SECONDS)
        sock.connect(address.sockaddr)
        return sock
    assert isinstance(address, TcpAddress)
    return socket.create_connection((address.host, address.port), WAIT_SECONDS)


def say(address: Address, hello: Hello) -> socket.socket:
    """A connection on which this hello was said."""
    sock = call(address)
    sock.sendall(encode_hello(hello))
    return sock


def hear(sock: socket.socket) -> Answer:
    """One answer, and not a byte more."""
    head = read_exactly(sock, HEAD_BYTES)
    size = sentence_bytes(head)
    assert size is not None, head
    return decode_answer(head + read_exactly(sock, size))


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, f"it ended after {data!r}"
        data += piece
    return data


def read_all(sock: socket.socket) -> bytes:
    """Everything until the peer ends."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


@contextmanager
def pair_of(host: RelayHost) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a pair: who called, and the host."""
    callers: list[socket.socket] = []
    with meanwhile(lambda: callers.append(join(host.relay, host.number, WAIT_SECONDS))):
        accepted = host.accept(WAIT_SECONDS)
    with closing(callers[0]) as caller, closing(accepted) as taken:
        for end in (caller, taken):
            end.settimeout(WAIT_SECONDS)
        yield caller, taken


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do something in a thread; at the end it has been done."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(WAIT_SECONDS)


def exchange(caller: socket.socket, taken: socket.socket, seed: int, size: int) -> None:
    """Send random bytes in random pieces both ways at once; each side must hear exactly the other's."""
    chance = random.Random(seed)
    said = {caller: chance.randbytes(size), taken: chance.randbytes(size // 2)}

    def speak(sock: socket.socket) -> None:
        data, at, sizes = said[sock], 0, random.Random(seed + 1)
        while at < len(data):
            step = sizes.choice([1, 17, 4096, 65536, 300_000])
            sock.sendall(data[at : at + step])
            at += step
        sock.shutdown(socket.SHUT_WR)

    heard: dict[socket.socket, bytes] = {}
    threads = [threading.Thread(target=speak, args=(sock,)) for sock in said]
    threads.append(threading.Thread(target=lambda: heard.update({taken: read_all(taken)})))
    for thread in threads:
        thread.start()
    heard[caller] = read_all(caller)
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert heard[taken] == said[caller]
    assert heard[caller] == said[taken]
