"""Child processes: pinned to a core, watched with deadlines, ended by their process id."""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

DESCRIPTORS = 20_000
STOP_SECONDS = 5.0
ROOT = Path(__file__).parent.parent
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A child did not do what it was started for."""


def allow_descriptors() -> int:
    """Let this process and its children open up to 20 000 descriptors; return how many it became."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return granted


def two_cores() -> tuple[int, int]:
    """Return the core for servers and the core for the load generator: the same one if there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[min(1, len(cores) - 1)]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this process, and the children it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end_with_runner() -> None:
    """Have the kernel end this child if the benchmark itself is killed (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def child_environment() -> dict[str, str]:
    """Return the environment of children: ours, with `bench` importable, and with Python's compiled files.

    Who installs a program has them, so a shell that asks for none must not make us slower than we are.
    """
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@contextlib.contextmanager
def started(command: list[str], core: int, more: Iterable[tuple[str, str]] = ()) -> Iterator["Child"]:
    """Start a program on one core with more environment; it is ended at the latest when the block is left."""
    with tempfile.TemporaryFile() as stderr:
        process = _start(command, core, {**child_environment(), **dict(more)}, stderr)
        try:
            yield Child(Path(command[0]).name, process, stderr)
        finally:
            _end(process)


def _start(command: list[str], core: int, environment: dict[str, str], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program with pipes to its input and output."""
    try:
        with on_core(core):
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env=environment,
                preexec_fn=end_with_runner,
            )
    except OSError as error:
        raise Failed(f"{Path(command[0]).name} does not start: {error.strerror}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process by its id: first asked, after 5 s made to."""
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@dataclass(frozen=True)
class Child:
    """A running program: its name, its process, the file that takes its standard error."""

    name: str
    process: subprocess.Popen[bytes]
    stderr: IO[bytes]

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def tell(self, line: bytes) -> None:
        """Write one line to the child's standard input."""
        stdin = self.process.stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(line + b"\n")
            stdin.flush()

    def read_line(self, seconds: float) -> str:
        """Return the next line of standard output, waiting at most this many seconds."""
        stdout = self.process.stdout
        assert stdout is not None
        line = bytearray()
        deadline = time.monotonic() + seconds
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise Failed(self.complaint(f"said nothing in {seconds:g} s"))
            byte = os.read(stdout.fileno(), 1)
            if not byte:
                raise Failed(self.complaint("ended"))
            line += byte
        return line.decode("utf-8", "replace").strip()

    def read_json(self, seconds: float) -> dict[str, Any]:
        """Return the next line of standard output, which is a JSON object."""
        line = self.read_line(seconds)
        try:
            return dict(json.loads(line))
        except ValueError as error:
            raise Failed(self.complaint(f"said {line!r}, which is not JSON")) from error

    def resident_bytes(self) -> int:
        """Return the memory of the process that is in RAM, in bytes (proc(5), smaps_rollup)."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        line = next(line for line in rollup.splitlines() if line.startswith("Rss:"))
        return int(line.split()[1]) * 1024

    def complaint(self, what: str) -> str:
        """Return a sentence of what went wrong, with the last line the child wrote to stderr."""
        self.stderr.seek(0)
        lines = self.stderr.read().decode("utf-8", "replace").strip().splitlines()
        last = f": {lines[-1][:200]}" if lines else ""
        return f"{self.name} {what}{last}"
