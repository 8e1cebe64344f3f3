"""The servers: Landline's chat with limits that a crowd on one machine does not reach, and ngircd likewise."""

import contextlib
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.chat.cases import NGIRCD
from bench.measure import START_SECONDS, port_of
from bench.processes import Child, Failed, started, two_cores

OFF = 1_000_000
RATES = ("session", "account", "address", "request", "opening")
LIMITS = {
    **{f"{name}_{what}": OFF for name in RATES for what in ("rate", "burst")},
    "sessions_per_address": 20_000,
}
"""A thousand members from a few addresses are no flood here; ngircd's penalties are off as well."""

# Without penalties, look-ups and caps on clients: what ngircd does for a message, and nothing that holds one back.
NGIRCD_SETTINGS = """\
[Global]
Name = bench.example
Info = benchmark
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = welcome
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 16
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""
NGIRCD_PATH = shutil.which("ngircd") or "/usr/sbin/ngircd"


@dataclass(frozen=True)
class Place:
    """A server that runs: its process and its port."""

    child: Child
    port: int

    def memory(self) -> tuple[int, int]:
        """Return what the process has in RAM, and that with shared pages counted in part (Rss, Pss), in bytes."""
        rollup = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text()
        figures = {line.split(":")[0]: line.split()[1] for line in rollup.splitlines()[1:]}
        return int(figures["Rss"]) * 1024, int(figures["Pss"]) * 1024


def absent(server: str, landline: Path) -> str:
    """Return a sentence saying what is missing, or nothing when the server can run."""
    if server == NGIRCD:
        return "" if Path(NGIRCD_PATH).exists() else "ngircd is left out: it is not installed."
    return "" if landline.exists() else f"Landline is left out: there is no command at {landline}."


@contextlib.contextmanager
def serving(server: str, landline: Path, folder: Path, port: int = 0) -> Iterator[Place]:
    """Run a server on the server's core, with its files in `folder`, on a free port (or this one: Landline only)."""
    with _ngircd(folder) if server == NGIRCD else _chat(landline, folder / "data", port) as place:
        yield place


@contextlib.contextmanager
def _chat(landline: Path, data: Path, port: int) -> Iterator[Place]:
    limits = [word for name, value in LIMITS.items() for word in ("--limit", f"{name}={value}")]
    command = [str(landline), "chat", "serve", f"127.0.0.1:{port}", "--data", str(data), *limits]
    with started(command, two_cores()[0]) as child:
        yield Place(child, port_of(child.read_line(START_SECONDS)))


@contextlib.contextmanager
def _ngircd(folder: Path) -> Iterator[Place]:
    port = _free_port()
    settings = folder / "ngircd.conf"
    settings.write_text(NGIRCD_SETTINGS.format(port=port))
    # It writes its log to stdout, where nobody reads: a full pipe would stop it.
    command = ["/bin/sh", "-c", 'exec "$0" --nodaemon --config "$1" > /dev/null', NGIRCD_PATH, str(settings)]
    with started(command, two_cores()[0]) as child:
        _await_port(child, port)
        yield Place(child, port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _await_port(child: Child, port: int) -> None:
    """Wait until somebody takes connections there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Failed(child.complaint("takes no connections"))
