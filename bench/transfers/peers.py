"""Who is measured: Landline and its peers, each as a receiver that is ready and a command that sends."""

import contextlib
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.processes import Failed
from bench.transfers.cases import CASES, Case
from bench.transfers.running import READY_SECONDS, is_called, listens, running, wait_for_end, wait_until
from bench.transfers.secure_shell import SecureShell, free_port

COMMAND_SECONDS = 30
COMPARED = ("big", "small", "mixed")
"""The cases in which all are measured. That memory does not grow with a file, Landline has to show alone."""
EVERY_CASE = tuple(case.name for case in CASES)


@dataclass(frozen=True)
class Job:
    """A transfer that only has to be started: the sending command, its environment, the receiving process."""

    command: list[str]
    receiver: int
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Peer(ABC):
    """A way to send files: its short name, its name in tables, what it has synced when it ends, the cases it does."""

    name: str
    label: str
    synced: str = "nothing"
    cases: tuple[str, ...] = COMPARED

    def absent(self) -> str:
        """Return why it cannot be measured, or nothing when it can."""
        return ""

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Keep what all its transfers need; its files are in this folder."""
        yield

    @abstractmethod
    def ready(self, source: Path, target: Path, case: Case) -> contextlib.AbstractContextManager[Job]:
        """Have a receiver wait for what a case sends from one folder into the other."""

    def _lacking(self, programs: list[str]) -> str:
        missing = [name for name in programs if shutil.which(name) is None]
        return f"{self.label} is left out: {' and '.join(missing)} not installed." if missing else ""


@dataclass
class Landline(Peer):
    """Our own command; `words` are options that both sides get."""

    cases: tuple[str, ...] = EVERY_CASE
    command: Path = Path("landline")
    words: tuple[str, ...] = ()
    home: dict[str, str] = field(default_factory=dict)

    def absent(self) -> str:
        """Return what the command says where it cannot send files."""
        try:
            words = [str(self.command), "send", "--help"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{self.label} is left out: the command cannot be run ({type(error).__name__})."
        said = done.stderr.strip().splitlines() or ["it said nothing."]
        return f"{self.label} is left out: {said[-1]}" if done.returncode else ""

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Give the command folders of its own for what it keeps."""
        names = {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}
        self.home = {variable: str(folder / self.name / name) for variable, name in names.items()}
        for place in self.home.values():
            Path(place).mkdir(parents=True)
        yield

    @contextlib.contextmanager
    def ready(self, source: Path, target: Path, case: Case) -> Iterator[Job]:
        """Start `landline receive`, which says the address that `landline send` needs."""
        words = ["receive", str(target), "--listen", "tls://127.0.0.1:0", *self.words]
        with running([str(self.command), *words], self.home) as receiver:
            line = receiver.read_line(READY_SECONDS)
            word, _, address = line.partition(" ")
            if word != "receive" or not address:
                raise Failed(f"landline receive said {line!r} where its address was expected")
            sending = [str(self.command), "send", str(source / case.name), address, *self.words]
            yield Job(sending, receiver.pid, self.home)


@dataclass
class Copying(Peer):
    """One of our two yardsticks, `secure` for the one in TLS: a file, without any check."""

    secure: bool = False
    cases: tuple[str, ...] = ("big",)

    @contextlib.contextmanager
    def ready(self, source: Path, target: Path, case: Case) -> Iterator[Job]:
        """Start the receiver, which prints its port."""
        program = [sys.executable, "-m", "bench.transfers.copying"]
        suffix = "-tls" if self.secure else ""
        with running([*program, f"receive{suffix}", str(target / case.name)]) as receiver:
            port = receiver.read_line(READY_SECONDS)
            yield Job([*program, f"send{suffix}", str(source / case.name), port], receiver.pid)
            wait_for_end(receiver)


@dataclass
class Shell(Peer):
    """scp or rsync, `words` with its options, through an OpenSSH server of our own."""

    words: tuple[str, ...] = ("scp",)
    shell: SecureShell = field(default_factory=SecureShell)

    def absent(self) -> str:
        """Return what is not installed."""
        return self._lacking(["ssh", "sshd", "ssh-keygen", self.words[0]])

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Make keys and settings."""
        self.shell.prepare(folder / self.name)
        yield

    @contextlib.contextmanager
    def ready(self, source: Path, target: Path, case: Case) -> Iterator[Job]:
        """Start the OpenSSH server."""
        with self.shell.serving() as (daemon, port):
            options, to = self.shell.options(port), f"{self.shell.user}@127.0.0.1:{target}/"
            how = ["-e", " ".join(["ssh", *options])] if self.words[0] == "rsync" else options
            yield Job([*self.words, *how, str(source / case.name), to], daemon.pid)


@dataclass
class NetcatTar(Peer):
    """tar into netcat, netcat into tar."""

    def absent(self) -> str:
        """Return what is not installed."""
        return self._lacking(["nc", "tar"])

    @contextlib.contextmanager
    def ready(self, source: Path, target: Path, case: Case) -> Iterator[Job]:
        """Start the receiving pair."""
        port = free_port()
        # The arguments come after the script, so that no name of a folder is read as a part of it.
        receiving = ["sh", "-c", 'nc -l 127.0.0.1 "$1" | tar -C "$2" -xf -', "sh", str(port), str(target)]
        sending = 'tar -C "$1" -cf - "$2" | nc -N 127.0.0.1 "$3"'
        with running(receiving) as receiver:
            wait_until(lambda: listens(port), "nc: listening")
            yield Job(["sh", "-c", sending, "sh", str(source), case.name, str(port)], receiver.pid)
            wait_for_end(receiver)


@dataclass
class Wormhole(Peer):
    """magic-wormhole with a mailbox server of our own; the files take the direct way."""

    command: Path = Path("wormhole")
    words: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    mailbox: int = 0

    def absent(self) -> str:
        """Return what is not installed."""
        return self._lacking([str(self.command), str(self.command.with_name("twist"))])

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Run the mailbox server. The relay for those who cannot meet directly is a port where nobody is."""
        port = free_port()
        options = [f"--port=tcp:{port}:interface=127.0.0.1", f"--channel-db={folder / 'mailbox.sqlite'}"]
        program = [str(self.command.with_name("twist")), "--log-level=error", "wormhole-mailbox", *options]
        self.words = [str(self.command), "--relay-url", f"ws://127.0.0.1:{port}/v1"]
        self.words += ["--transit-helper", f"tcp:127.0.0.1:{free_port()}"]
        with running(program):
            wait_until(lambda: listens(port), "wormhole-mailbox: listening")
            self.mailbox = port
            yield

    @contextlib.contextmanager
    def ready(self, source: Path, target: Path, case: Case) -> Iterator[Job]:
        """Start the receiver with a code that no other transfer has."""
        code = f"{next(self.numbers)}-side-by-side"
        hidden = ["--hide-progress"]
        with running([*self.words, "receive", "--accept-file", *hidden, "-o", str(target), code]) as receiver:
            wait_until(lambda: is_called(self.mailbox), "wormhole receive: connecting to the mailbox")
            sending = ["send", "--no-qr", *hidden, "--code", code, str(source / case.name)]
            yield Job([*self.words, *sending], receiver.pid)
            wait_for_end(receiver)


def all_peers(landline: Path, wormhole: Path) -> list[Peer]:
    """Return everybody, in the order of the tables."""
    return [
        Landline("landline", "Landline, TLS 1.3", "data and names", command=landline),
        Landline(
            "landline-trusted",
            "Landline, --trusted-link",
            "data and names",
            command=landline,
            words=("--trusted-link",),
        ),
        Wormhole("wormhole", "magic-wormhole", command=wormhole),
        Shell("scp", "scp", words=("scp", "-r", "-q")),
        Shell("rsync", "rsync -a over ssh", words=("rsync", "-a")),
        Shell("rsync-fsync", "rsync -a --fsync over ssh", "data", words=("rsync", "-a", "--fsync")),
        NetcatTar("nc-tar", "tar through nc, clear"),
        Copying("bare-tls", "bare TLS 1.3, no checks", secure=True),
        Copying("limit", "sendfile to splice, no checks (the limit)"),
    ]
