"""Running a transfer: from the start of the sending command until it has ended, with the memory of both sides."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Child, Failed, child_environment, end_with_runner

FIRST_LOOK_SECONDS = 0.005
LOOK_SECONDS = 0.05
STOP_SECONDS = 5.0
READY_SECONDS = 20.0
TRANSFER_SECONDS = 240.0
LISTEN, ESTABLISHED = "0A", "01"


@dataclass
class Memory:
    """The peak memory of processes and all they started: of each its `VmHWM` (proc(5)), summed up.

    Pages that several processes share are counted in each of them.
    """

    roots: list[int]
    peaks: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        """Note the peaks reached so far."""
        waiting = list(self.roots)
        while waiting:
            number = waiting.pop()
            # A process may end at any moment; its last peak is kept.
            with contextlib.suppress(OSError):
                waiting += _children(number)
                self.peaks[number] = max(self.peaks.get(number, 0), _peak(number))

    @property
    def bytes(self) -> int:
        """The sum of all peaks."""
        return sum(self.peaks.values())


def _children(number: int) -> list[int]:
    return [
        int(word) for task in Path(f"/proc/{number}/task").iterdir() for word in (task / "children").read_text().split()
    ]


def _peak(number: int) -> int:
    for line in Path(f"/proc/{number}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def running(command: list[str], more: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Start a program in a process group of its own; all of the group is ended when the block is left."""
    with tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**child_environment(), **(more or {})},
                start_new_session=True,
                preexec_fn=end_with_runner,
            )
        except OSError as error:
            raise Failed(f"{Path(command[0]).name} does not start: {error.strerror}") from error
        try:
            yield Child(Path(command[0]).name, process, stderr)
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started: first asked, after 5 s made to."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)
    if process.stdout is not None:
        process.stdout.close()


def wait_for_end(child: Child, memories: Iterable[Memory] = ()) -> None:
    """Wait until a program has ended, looking at memory meanwhile. Raises `Failed` when it failed or is too slow."""
    descriptor = os.pidfd_open(child.pid)
    try:
        deadline = time.monotonic() + TRANSFER_SECONDS
        pause = FIRST_LOOK_SECONDS
        while not select.select([descriptor], [], [], pause)[0]:
            pause = min(LOOK_SECONDS, pause * 2)
            for memory in memories:
                memory.look()
            if time.monotonic() > deadline:
                raise Failed(child.complaint(f"has not ended in {TRANSFER_SECONDS:g} s"))
    finally:
        os.close(descriptor)
    code = child.process.wait(STOP_SECONDS)
    if code:
        raise Failed(child.complaint(f"ended with {code}"))


def time_transfer(command: list[str], receiver: int, more: Mapping[str, str] | None = None) -> tuple[float, int, int]:
    """Run the sending command to its end; return its seconds and the peak memory of sender and receiver in bytes.

    `receiver` is the process id of the receiving side.
    """
    start = time.perf_counter()
    with running(command, more) as sender:
        own, other = Memory([sender.pid]), Memory([receiver])
        wait_for_end(sender, [own, other])
        seconds = time.perf_counter() - start
        other.look()
    return seconds, own.bytes, other.bytes


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened. Raises `Failed` after 20 s."""
    deadline = time.monotonic() + READY_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise Failed(f"{what} has not happened in {READY_SECONDS:g} s")
        time.sleep(0.01)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a TCP port of 127.0.0.1, without calling it."""
    return any(local == port and state == LISTEN for local, _, state in _sockets())


def is_called(port: int) -> bool:
    """Tell whether a connection to a TCP port of 127.0.0.1 is open."""
    return any(remote == port and state == ESTABLISHED for _, remote, state in _sockets())


def _sockets() -> Iterator[tuple[int, int, str]]:
    """Yield local port, remote port and state of every TCP socket (proc_net_tcp)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        yield int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16), state
