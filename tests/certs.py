"""Keys and certificates for tests, made while they run."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from pathlib import Path

from landline.connection.tlssession import TlsSession
from landline.transport.newcertificates import Pair, new_pair

NAMES = ("localhost", "127.0.0.1", "::1")


@functools.cache
def authority(number: int = 0) -> Pair:
    """A CA; another for each number."""
    return new_pair([f"Test CA {number}"], 30, is_authority=True)


@functools.cache
def leaf(names: tuple[str, ...] = NAMES, days: float = 30, start_days: float = 0, signed_by: int | None = 0) -> Pair:
    """A certificate good from `start_days` on for `days`, signed by that CA or (None) by itself."""
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=start_days)
    return new_pair(names, days, authority=None if signed_by is None else authority(signed_by), start=start)


def expired() -> Pair:
    """A certificate whose time is over."""
    return leaf(days=10, start_days=-20)


class Files:
    """Certificates and keys as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, pair: Pair) -> tuple[str, str]:
        """The paths of a pair, written as NAME.pem and NAME.key."""
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        for path, data in zip(paths, (pair.certificate, pair.key), strict=True):
            path.write_bytes(data)
        return str(paths[0]), str(paths[1])

    def ca(self, number: int = 0) -> str:
        """The path of a CA's certificate."""
        return self.write(f"ca{number}", authority(number))[0]

    def server(self, names: Sequence[str] = NAMES) -> tuple[str, str]:
        """The paths of a certificate for a server."""
        return self.write("server", leaf(tuple(names)))

    def client(self, number: int = 0) -> tuple[str, str]:
        """The paths of a certificate for a client, signed by that CA."""
        return self.write(f"client{number}", leaf(("client.example",), signed_by=number))


def shake_hands(client: TlsSession, server: TlsSession) -> None:
    """Carry bytes between the two until none is left."""
    client.start()
    server.start()
    while carried(client, server) + carried(server, client):
        pass


def carried(sender: TlsSession, receiver: TlsSession) -> int:
    """Carry what one has to send to the other; how many bytes that was."""
    data = sender.take()
    assert receiver.feed(data) == []
    return len(data)
