"""A chat in a process of its own, and people and programs who come to it over plain sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.rig import LANDLINE, WAIT_SECONDS, Serving

ANYWHERE = "tcp://127.0.0.1:0"
UNBOUNDED = tuple(
    word
    for name in ("session", "account", "address", "request", "opening")
    for word in ("--limit", f"{name}_burst=1000000", "--limit", f"{name}_rate=1000000")
)
"""Options of a chat for tests that talk faster than people do."""

Notice = dict[str, Any]


@contextmanager
def chatting(
    folder: Path,
    *options: str,
    addresses: Sequence[str] = (ANYWHERE,),
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Serving]:
    """`landline chat serve` with its data in a folder until the block ends, where it must stop cleanly.

    A block that kills it must wait for it as well.
    """
    command = [*prefix, LANDLINE, "chat", "serve", *addresses, "--data", str(folder), *options]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        with process:
            try:
                assert process.stdout is not None
                lines = [process.stdout.readline() for _ in addresses]
                assert all(line.startswith("chat ") for line in lines), Serving(process, [], log).errors()
                server = Serving(process, [line.split()[1] for line in lines], log)
                yield server
                if process.poll() is None:
                    server.stop()
                assert "Traceback" not in server.errors(), server.errors()
            finally:
                process.kill()


def call(address: str, *, receive_bytes: int | None = None) -> socket.socket:
    """A connection to an address as the chat prints it."""
    scheme, _, where = address.partition("://")
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        target: Any = where
    else:
        host, _, port = where.rpartition(":")
        host = host.strip("[]")
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        target = (host, int(port))
    sock.settimeout(WAIT_SECONDS)
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    try:
        sock.connect(target)
    except BaseException:
        sock.close()
        raise
    return sock


class Caller:
    """Somebody on a socket. What it waits for must come, or the test fails."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> bytes:
        """The next line; empty at the end."""
        return self._file.readline()

    def rest(self) -> bytes:
        """All that comes until the end."""
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.sock.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Person(Caller):
    """Somebody with nc: lines of text. Coming in waits until one is in the lobby."""

    def __init__(self, address: str) -> None:
        super().__init__(call(address))
        self.until("* you are in lobby")

    def say(self, text: str) -> None:
        self.send(text.encode() + b"\n")

    def until(self, part: str) -> str:
        """The first line that has this in it."""
        seen = []
        while line := self.line().decode():
            seen.append(line)
            if part in line:
                return line.rstrip("\n")
        raise AssertionError(f"{part!r} never came: {seen}")


class Program(Caller):
    """A program in lines of JSON: it says hello as `nick` and enters rooms."""

    def __init__(
        self, address: str, nick: str | None = None, *rooms: str, token: str | None = None, sock: Any = None
    ) -> None:
        super().__init__(sock or call(address))
        try:
            self.ask("hello", nick=nick, token=token)
            self.welcome = self.until("welcome")
            for room in rooms:
                self.ask("join", room=room)
                self.joined = self.until("joined")
        except BaseException:
            self.close()
            raise

    def ask(self, op: str, **fields: Any) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        self.send(json.dumps({"op": op, **given}).encode() + b"\n")

    def notice(self) -> Notice:
        """The next notice. Raises EOFError at the end."""
        line = self.line()
        if not line.endswith(b"\n"):
            raise EOFError
        notice: Notice = json.loads(line)
        return notice

    def until(self, *kinds: str, **fields: Any) -> Notice:
        """The next notice of one of these types, with these fields."""
        seen = []
        try:
            while True:
                notice = self.notice()
                if notice["type"] in kinds and fields.items() <= notice.items():
                    return notice
                seen.append(notice)
        except EOFError:
            raise AssertionError(f"{kinds} with {fields} never came: {seen[-20:]}") from None

    def say(self, body: str, room: str = "lobby", cid: str | None = None) -> Notice:
        """Say something and wait until it is stored or refused."""
        self.ask("say", room=room, body=body, cid=cid)
        return self.until("ack", "error")


def metrics(address: str) -> dict[str, float]:
    """What the chat counts, as this machine may read it, by name and labels."""
    text = get(address, "/metrics").decode()
    lines = [line.rpartition(" ") for line in text.partition("\r\n\r\n")[2].splitlines() if line[:1] != "#"]
    return {name.removeprefix("landline_chat_"): float(value) for name, _, value in lines}


def get(address: str, path: str, *headers: str) -> bytes:
    """The whole answer to a GET, on a connection of its own."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    with Caller(call(address)) as caller:
        caller.send("\r\n".join(lines).encode())
        return caller.rest()
