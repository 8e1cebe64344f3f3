"""A server in a process of its own whose processor time, memory and log can be looked at."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LANDLINE = str(Path(sys.executable).with_name("landline"))
WAIT_SECONDS = 30
"""How long a program may take for anything here before a test gives up on it."""


@dataclass
class Serving:
    """A running server: its process, its addresses as it printed them, and its log."""

    process: subprocess.Popen[str]
    addresses: list[str]
    log: IO[str]

    @property
    def port(self) -> int:
        """The port of the first address."""
        return int(self.addresses[0].rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def errors(self) -> str:
        """What it wrote on stderr so far."""
        self.log.seek(0)
        return self.log.read()

    def stop(self) -> str:
        """Stop it with SIGTERM. It must end with 0 and without a traceback; its report."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_SECONDS)
        errors = self.errors()
        assert code == 0, errors
        assert "Traceback" not in errors, errors
        return errors.splitlines()[-1]


@contextmanager
def serving(
    name: str,
    *options: str,
    listeners: int = 1,
    prefix: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Serving]:
    """Serve `name` with addresses and options until the block ends, where it must stop cleanly.

    `listeners` is how many lines it prints; `prefix` stands before the command. The log goes to a file, because nobody
    would empty a pipe meanwhile.
    """
    if not any("://" in option for option in options):
        options = ("tcp://127.0.0.1:0", *options)
    command = [*prefix, LANDLINE, "serve", name, *options]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        with process:
            try:
                assert process.stdout is not None
                lines = [process.stdout.readline() for _ in range(listeners)]
                assert all(lines), Serving(process, [], log).errors()
                server = Serving(process, [line.split()[1] for line in lines], log)
                yield server
                if process.poll() is None:
                    server.stop()
            finally:
                process.kill()


def run(*command: str, piped: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end."""
    return subprocess.run(command, input=piped, capture_output=True, timeout=WAIT_SECONDS)


def unused_port() -> int:
    """A TCP port for a program that must be told one; another may take it meanwhile, though none is likely to."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
