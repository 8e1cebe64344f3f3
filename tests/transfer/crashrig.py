"""Real programs that send and receive, to be killed: each is held by its handle, and only these are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_SECONDS = 50
ANYWHERE = "tls://127.0.0.1:0"
RUN = """
import sys
from landline.cli.main import main
from landline.transfer import checkpoints
checkpoints.CHECKPOINT_SECONDS = {}
sys.exit(main())
"""
Line = dict[str, Any]


@dataclass
class Program:
    """A running `landline ... --json`, its events as they come, and a condition that is told of each."""

    process: subprocess.Popen[bytes]
    events: list[Line] = field(default_factory=list)
    raw: bytes = b""
    errors: bytes = b""
    ended: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for work in (self._read_events, self._read_errors):
            self.threads.append(threading.Thread(target=work))
            self.threads[-1].start()

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.changed:
                self.raw += line
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.events.append({"event": "torn", "line": line})  # it was killed while it wrote
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    def of(self, kind: str) -> list[Line]:
        """The events of this kind until now."""
        return [event for event in self.events if event["event"] == kind]

    def until(self, seen: Callable[[Program], bool]) -> bool:
        """Wait for something in the events. Returns False if the program ended without it."""
        with self.changed:
            assert self.changed.wait_for(lambda: seen(self) or self.ended, WAIT_SECONDS), self.events[-3:]
        return seen(self)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.finish()

    def finish(self) -> int:
        """Wait for the end by itself. Returns the exit code."""
        code = self.process.wait(WAIT_SECONDS)
        for thread in self.threads:
            thread.join(WAIT_SECONDS)
        assert b"Traceback" not in self.errors, self.errors.decode()
        return code

    def ends(self, code: int) -> Program:
        """Wait for the end, which must be this one."""
        assert self.finish() == code, (self.errors, self.events[-5:])
        return self


@dataclass
class Rig:
    """A folder `things` to send, a folder `there` to receive in; what the programs keep is below `home`."""

    home: Path
    checkpoint_seconds: float = 2.0
    running: list[Program] = field(default_factory=list)

    @property
    def things(self) -> Path:
        """What is sent."""
        return self.home / "things"

    @property
    def there(self) -> Path:
        """Where it lands."""
        return self.home / "there"

    def start(self, *arguments: str | bytes, before: Sequence[str] = ()) -> Program:
        """Start `landline` with --json and these arguments."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LANDLINE_", "XDG_"))}
        for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            environment[name] = str(self.home / name)
        run = RUN.format(self.checkpoint_seconds)
        command = [*before, sys.executable, "-c", run, *arguments, "--json"]
        pipe = subprocess.PIPE
        program = Program(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment)
        )
        self.running.append(program)
        return program

    def drop(self, *options: str, address: str = ANYWHERE, before: Sequence[str] = ()) -> tuple[Program, str]:
        """Open a drop on `there`; gives its address when it listens."""
        self.there.mkdir(exist_ok=True)
        program = self.start("receive", str(self.there), "--listen", address, *options, before=before)
        assert program.until(lambda one: bool(one.of("ready"))), program.errors
        return program, str(program.of("ready")[0]["address"])

    def send(self, address: str, *options: str) -> Program:
        """Send `things`."""
        return self.start("send", str(self.things), *options, address)

    def close(self) -> None:
        """Kill what still runs, by its handle."""
        for program in self.running:
            if program.process.poll() is None:
                program.process.kill()
            program.process.wait()
            for thread in program.threads:
                thread.join()
            for pipe in (program.process.stdout, program.process.stderr):
                if pipe is not None:
                    pipe.close()


@contextmanager
def rig(home: Path, checkpoint_seconds: float = 2.0) -> Iterator[Rig]:
    """A rig; at the end nothing of it runs."""
    one = Rig(home, checkpoint_seconds)
    try:
        yield one
    finally:
        one.close()


def content(folder: Path) -> dict[bytes, bytes | None]:
    """What is below a folder, by path from there: the bytes of files, None for folders."""
    top, found = os.fsencode(folder), dict[bytes, bytes | None]()
    for place, folders, files in os.walk(top):
        for name in folders:
            found[os.path.relpath(os.path.join(place, name), top)] = None
        for name in files:
            path = os.path.join(place, name)
            found[os.path.relpath(path, top)] = Path(os.fsdecode(path)).read_bytes()
    return found
