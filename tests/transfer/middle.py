"""Somebody in the middle of a transfer: a relay in user space that does what it likes to the bytes."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

Kind = Literal["tls", "clear"]
Mischief = Callable[[bytes, random.Random], bytes | None]
"""Makes of a piece what goes on in its place; None: the connection is cut."""
PIECE_BYTES = 65536


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit is another."""
    spoilt = bytearray(data)
    spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def replay(data: bytes, chance: random.Random) -> bytes:
    """A piece comes twice."""
    return data + data[chance.randrange(len(data)) :]


def reorder(data: bytes, chance: random.Random) -> bytes:
    """Two pieces change their places."""
    place = chance.randrange(len(data))
    return data[place:] + data[:place]


def drop(data: bytes, chance: random.Random) -> bytes:
    """Some bytes do not come."""
    place = chance.randrange(len(data))
    return data[:place] + data[place + 1 + chance.randrange(1000) :]


def delay(data: bytes, chance: random.Random) -> bytes:
    """It takes a moment."""
    threading.Event().wait(chance.random() / 50)
    return data


def cut(data: bytes, chance: random.Random) -> None:
    """The connection breaks."""


MISCHIEF: dict[str, Mischief] = {
    "flip": flip, "replay": replay, "reorder": reorder, "drop": drop, "delay": delay, "cut": cut,
}  # fmt: skip


class Middle:
    """Listens on `port` and passes connections on to `target`; a context manager.

    About every `every` bytes of a connection of the `kind` that goes to the target, `mischief` is done, at most `most`
    times in all. `done` counts.
    """

    def __init__(
        self, target: tuple[str, int], kind: Kind, mischief: Mischief, every: int, most: int, seed: int, port: int = 0
    ) -> None:
        self._target = target
        self._kind = kind
        self._mischief = mischief
        self._every = every
        self._most = most
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.done = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for sock in self._socks:
            _end(sock)
        for thread in self._threads:
            thread.join()
        for sock in self._socks:
            sock.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="middle", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._socks.append(near)
            try:
                far = socket.create_connection(self._target)
            except OSError:
                _end(near)
                continue
            self._socks.append(far)
            self._start(self._pump, near, far, True)
            self._start(self._pump, far, near, False)

    def _pump(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        left = self._next_gap()
        ours: bool | None = None
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                if ours is None:
                    ours = outward and ("tls" if data[0] == 0x16 else "clear") == self._kind
                left -= len(data)
                if ours and left <= 0 and self._may():
                    left = self._next_gap()
                    with self._lock:
                        spoilt = self._mischief(data, self._chance)
                    if spoilt is None:
                        _end(sink)
                        break
                    data = spoilt
                sink.sendall(data)
            else:
                sink.shutdown(socket.SHUT_WR)
                return
        _end(source)
        _end(sink)

    def _may(self) -> bool:
        with self._lock:
            if self.done >= self._most:
                return False
            self.done += 1
            return True

    def _next_gap(self) -> int:
        with self._lock:
            return self._chance.randrange(1, 2 * self._every)


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
