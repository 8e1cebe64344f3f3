"""Running until a signal says stop: in a process of its own, as signals go to processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landline.errors import AddressError, ListenError, ServiceError
from landline.server.engine import Listening
from landline.server.run import INTERRUPTED, new_event_loop, run
from landline.server.service import Service
from tests.server.conftest import upper_service
from tests.sockets import sockets_open

SECONDS = 20
LOOPS = {"uvloop": "", "asyncio": "sys.modules['uvloop'] = None"}
"""What makes a process use the loop: uvloop unless it cannot be imported."""
CHILD = """
import asyncio, logging, sys, time
{loop}
from landline import Limits, Service
from landline.server.run import run

logging.basicConfig(level="INFO", format="%(message)s")
service = Service("parrot", limits=Limits(drain_seconds={drain}, linger_seconds=0.1))

@service.message
async def answer(message):
    if message == b"loop":
        print(type(asyncio.get_running_loop()).__module__.partition(".")[0], file=sys.stderr, flush=True)
    if message == b"hang":
        print("hanging", flush=True)
        await asyncio.Event().wait()
    if message == b"block":
        print("blocking", flush=True)
        while True:
            pass
    if message == b"slow":
        print("slow", flush=True)
        await asyncio.sleep(0.2)
    return message

def announce(listening):
    print(listening[0].address.port, flush=True)

print(run([(service, "tcp://127.0.0.1:0"), (service, "udp://127.0.0.1:0")], announce))
"""
both_loops = pytest.mark.parametrize("loop", LOOPS)
both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Parrot:
    """A service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self._out = process.stdout
        self.port = int(self.line())

    def line(self) -> str:
        """The next line it prints."""
        return self._out.readline().rstrip("\n")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def signal_until_it_ends(self, number: int) -> None:
        """Send a signal again and again: a blocked process does not say that it has heard the first.

        Two that follow at once may count as one (signal(7)), and CPython may see the second only with a third.
        """
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            self.signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)

    def ended(self) -> tuple[int, str, str]:
        """Wait for its end. Returns its status and what it said since."""
        out, err = self._process.communicate(timeout=SECONDS)
        return self._process.returncode, out, err

    def called(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def until_stopping(self) -> None:
        """Wait until it has heard the first signal."""
        assert self._process.stderr is not None
        while "stopping" not in (line := self._process.stderr.readline()):
            assert line, "it ended"


@contextmanager
def parrot(loop: str, drain: float = 10.0) -> Iterator[Parrot]:
    source = CHILD.format(loop=LOOPS[loop], drain=drain)
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Parrot(process)
        finally:
            process.kill()


@both_loops
@both_signals
def test_a_signal_stops_it_with_a_report(loop: str, number: signal.Signals) -> None:
    with parrot(loop) as child, child.called() as caller:
        caller.sendall(b"loop\nslow\n")
        assert child.line() == "slow"
        child.signal(number)
        assert caller.recv(5) == b"loop\n"
        assert caller.recv(5) == b"slow\n"
        assert caller.recv(5) == b""
        caller.close()
        status, out, err = child.ended()
    assert status == 0, err
    assert out == "1 connection served, 2 messages, 10 B in, 10 B out, 0 cut off, draining 1\n"
    assert loop in err.splitlines()
    assert "Traceback" not in err


@both_loops
def test_an_idle_server_stops_at_once(loop: str) -> None:
    with parrot(loop) as child:
        child.signal(signal.SIGTERM)
        status, out, err = child.ended()
    assert (status, out) == (0, "0 connections served, 0 messages, 0 B in, 0 B out, 0 cut off\n")
    assert err == "stopping: no new connections, what is in hand may finish; a second signal ends at once\n"


@both_loops
def test_a_handler_that_never_ends_is_cut_off_at_the_deadline(loop: str) -> None:
    with parrot(loop, drain=0.1) as child, child.called() as caller:
        caller.sendall(b"hang\n")
        assert child.line() == "hanging"
        child.signal(signal.SIGTERM)
        status, out, _ = child.ended()
    assert (status, out) == (0, "1 connection served, 1 message, 5 B in, 0 B out, 1 cut off, draining 1\n")


@both_loops
@both_signals
def test_a_second_signal_ends_it_at_once(loop: str, number: signal.Signals) -> None:
    with parrot(loop, drain=3600.0) as child, child.called() as caller:
        caller.sendall(b"hang\n")
        assert child.line() == "hanging"
        child.signal(number)
        child.until_stopping()
        child.signal(number)
        status, out, err = child.ended()
    assert (status, out) == (INTERRUPTED, "")
    assert "Traceback" not in err


@both_loops
def test_not_even_a_handler_that_blocks_the_loop_can_hold_it_up(loop: str) -> None:
    with parrot(loop) as child, child.called() as caller:
        caller.sendall(b"block\n")
        assert child.line() == "blocking"
        child.signal_until_it_ends(signal.SIGTERM)
        status, out, err = child.ended()
    assert (status, out, err) == (INTERRUPTED, "", "")


@pytest.mark.parametrize(
    ("binding", "error"),
    [
        ((upper_service(), "nowhere"), AddressError),
        ((Service("idle"), "tcp://127.0.0.1:0"), ServiceError),
        ((upper_service(), "tcp://192.0.2.1:0"), ListenError),
    ],
)
def test_what_cannot_run_is_an_error_at_once(binding: tuple[Service, str], error: type[Exception]) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(error):
        run([binding])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(("there", "module"), [(True, "uvloop"), (False, "asyncio")])
def test_it_runs_on_uvloop_where_there_is_one(monkeypatch: pytest.MonkeyPatch, there: bool, module: str) -> None:
    if not there:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_event_loop()
    assert type(loop).__module__.partition(".")[0] == module
    assert isinstance(loop, asyncio.AbstractEventLoop)
    loop.close()


def test_an_announcement_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    """Such as one to a standard output that nobody reads any more."""
    path, before = tmp_path / "socket", sockets_open()

    def announce(listening: list[Listening]) -> None:
        assert path.is_socket()
        raise BrokenPipeError(listening[0].address)

    with pytest.raises(BrokenPipeError):
        run([(upper_service(), f"unix://{path}")], announce)
    assert not path.exists()
    assert sockets_open() == before


def test_without_an_announcement_it_runs_too() -> None:
    """The signal is sent from inside, when the first datagram comes."""
    service = Service("short-lived")

    @service.message
    def stop(message: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGTERM)
        return message

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held, socket.socket(type=socket.SOCK_DGRAM) as caller:
        held.bind(("127.0.0.1", 0))
        inherited = held.dup().detach()
        caller.sendto(b"a", held.getsockname())
        counts = run([(service, f"fd://{inherited}")])
        caller.settimeout(SECONDS)
        assert caller.recv(10) == b"a"
    assert str(counts) == "0 connections served, 0 messages, 1 B in, 1 B out, 0 cut off, 1 datagram"
