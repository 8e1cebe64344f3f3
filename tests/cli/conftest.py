"""The command inside this process, and services for it to call."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from landline.address import Address
from landline.cli.commands import run_command
from landline.cli.typing_in import INPUT_THREAD
from landline.server.engine import Server
from landline.server.service import Service


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, its output, its error output."""

    code: int
    out: bytes
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence on stderr, without the name in front."""
        assert self.err.startswith("landline: ") and self.err.count("\n") == 1, self.err
        return self.err.removeprefix("landline: ").rstrip("\n")


Command = Callable[..., Ended]


@pytest.fixture
def command(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Run `landline` with arguments and `piped` as its input. No traceback may show."""
    with tempfile.TemporaryFile() as file, io.TextIOWrapper(file) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        def run(*arguments: str, piped: bytes = b"") -> Ended:
            file.seek(0)
            file.truncate()
            file.write(piped)
            file.seek(0)
            code = run_command(list(arguments))
            end_of_reading()
            out, err = capsysbinary.readouterr()
            assert b"Traceback" not in err, err.decode()
            return Ended(code, out, err.decode())

        yield run


def end_of_reading() -> None:
    """Wait for the threads that read standard input: the next file gets the number of the one they read."""
    for thread in threading.enumerate():
        if thread.name == INPUT_THREAD:
            thread.join(10)


@contextmanager
def serving(service: Service, *addresses: str) -> Iterator[list[Address]]:
    """Serve from a thread; gives the addresses that listen."""
    loop = asyncio.new_event_loop()
    server = Server([(service, address) for address in addresses or ("tcp://127.0.0.1:0",)])
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield [one.address for one in server.listening]
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0.0), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder. Modules that were imported from it are forgotten; those of libraries stay, as compiled
    ones cannot be imported a second time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{tmp_path}/"):
            del sys.modules[name]
