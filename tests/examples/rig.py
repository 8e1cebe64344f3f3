"""An example in a process of its own, as its docstring says to start it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
WAIT_SECONDS = 30


@dataclass
class Example:
    """A running example: its process, and where it listens."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> str:
        """The port it listens on."""
        return self.address.rpartition(":")[2]

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")


@contextmanager
def example(name: str, *arguments: str) -> Iterator[Example]:
    """Run an example until the block ends, where it must stop cleanly and without a word of error.

    `arguments` are those of the example; without any it is given an address with a free port.
    """
    command = [sys.executable, str(EXAMPLES / name), *(arguments or ("tcp://127.0.0.1:0",))]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            running = Example(process, "")
            said = running.line()
            assert said.startswith("listening on "), said
            running.address = said.removeprefix("listening on ")
            yield running
            process.send_signal(signal.SIGTERM)
            code = process.wait(WAIT_SECONDS)
            log.seek(0)
            assert (code, log.read()) == (0, "")
        finally:
            process.kill()


def run(*command: str) -> str:
    """Run a program to its end, which must be a good one; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done
    return done.stdout
