"""What is measured: the servers, the cells (kinds of traffic), and what Landline is to reach."""

import importlib.util
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"

# asyncio reads into a new block of 256 KiB each time. A fresh process of glibc asks the kernel for every block of
# that size; one that has ever freed a larger block keeps them (mallopt(3), M_MMAP_THRESHOLD), and asyncio streams
# then answer up to twice as many messages one at a time. The peer is measured at its best: as if it had.
WARM_ALLOCATOR = (("MALLOC_MMAP_THRESHOLD_", "524288"), ("MALLOC_TRIM_THRESHOLD_", "1048576"))

IDLE = "idle"
STARTUP = "startup"


@dataclass(frozen=True)
class Server:
    """A server: its short name, what the tables call it, where its code is, what it needs."""

    name: str
    label: str
    module: str = ""
    library: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    def absent(self) -> str:
        """Return a sentence saying what is missing, or nothing when the server can run."""
        if self.library and importlib.util.find_spec(self.library) is None:
            return f"{self.label} is left out: {self.library} is not installed."
        return ""


@dataclass(frozen=True)
class Cell:
    """A kind of traffic: connections, messages in flight on each, payload size in bytes."""

    name: str
    title: str
    connections: int
    in_flight: int
    size: int
    mixed: bool = False
    framing: str = "length"

    @property
    def figures(self) -> str:
        """The traffic in figures, as the tables write it."""
        about = "~" if self.mixed else "="
        end = " LF" if self.framing == "lines" else ""
        return f"c={self.connections} d={self.in_flight} s{about}{self.size}{end}"


@dataclass(frozen=True)
class Target:
    """The least ratio of Landline's messages a second to a peer's in one cell."""

    cell: str
    peer: str
    at_least: float


LANDLINE = Server("landline", "Landline")
ASYNCIO = Server("asyncio", "asyncio streams", "bench.servers.asyncio_streams", environment=WARM_ALLOCATOR)
TWISTED = Server("twisted", "Twisted", "bench.servers.twisted_receivers", "twisted")
LIMIT = Server("limit", "C, epoll (the limit)")

SERVERS = (
    LANDLINE,
    ASYNCIO,
    Server("uvloop", "asyncio streams on uvloop", "bench.servers.uvloop_streams", "uvloop"),
    Server("socketserver", "socketserver, threads", "bench.servers.socketserver_threads"),
    Server("gevent", "gevent", "bench.servers.gevent_streams", "gevent"),
    TWISTED,
    LIMIT,
)

CELLS = (
    Cell("single", "One at a time", connections=64, in_flight=1, size=64),
    Cell("pipelined", "Pipelined", connections=16, in_flight=64, size=64),
    Cell("large", "4 KiB messages", connections=4, in_flight=16, size=4096),
    Cell("mixed", "Mixed sizes", connections=16, in_flight=64, size=64, mixed=True),
    Cell("lines", "Lines", connections=16, in_flight=64, size=64, framing="lines"),
)

TARGETS = (
    Target("single", "asyncio", 1.25),
    Target("single", "limit", 0.6),
    Target("pipelined", "asyncio", 10.0),
    Target("pipelined", "twisted", 2.5),
    Target("large", "asyncio", 2.5),
)

IDLE_CONNECTIONS = 15_000
IDLE_MAX_BYTES = 6144
IDLE_SERVERS = (LANDLINE, ASYNCIO)


def server_named(name: str) -> Server:
    """Return the server with this short name."""
    return next(server for server in SERVERS if server.name == name)


def server_command(server: Server, framing: str, landline: Path) -> list[str]:
    """Return the words that start a server on 127.0.0.1, on a port it prints."""
    if server == LIMIT:
        return [str(BUILD / "limit"), framing]
    if server == LANDLINE:
        module = "landline_lines" if framing == "lines" else "landline_upper"
        service = f"bench.servers.{module}:service"
        return [str(landline), "serve", service, "tcp://127.0.0.1:0"]
    return [sys.executable, "-m", server.module, framing]


def all_pairs() -> list[tuple[str, str]]:
    """Return every CELL and SERVER that can be measured."""
    pairs = [(cell.name, server.name) for cell in CELLS for server in SERVERS]
    pairs += [(IDLE, server.name) for server in IDLE_SERVERS]
    return [*pairs, (STARTUP, LANDLINE.name)]


def select(patterns: list[str]) -> set[tuple[str, str]]:
    """Return the pairs that `CELL`, `CELL/SERVER` or `*/SERVER` name; every pair if none is given."""
    pairs = all_pairs()
    chosen: set[tuple[str, str]] = set()
    for pattern in patterns:
        cell, _, server = pattern.partition("/")
        found = {p for p in pairs if fnmatchcase(p[0], cell) and fnmatchcase(p[1], server or "*")}
        if not found:
            raise ValueError(f"{pattern} names nothing to measure; {_names()}")
        chosen |= found
    return chosen if patterns else set(pairs)


def _names() -> str:
    cells = ", ".join([cell.name for cell in CELLS] + [IDLE, STARTUP])
    servers = ", ".join(server.name for server in SERVERS)
    return f"cells are {cells}; servers are {servers}."
