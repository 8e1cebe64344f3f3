"""What is measured: the servers, the cells (kinds of traffic), and what Landline is to reach."""

import importlib.util
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
LOAD, LOAD_TLS = BUILD / "load", BUILD / "load_tls"
CERTIFICATE, KEY = BUILD / "certificate.pem", BUILD / "key.pem"

# asyncio reads into a new block of 256 KiB each time. A fresh process of glibc asks the kernel for every block of
# that size; one that has ever freed a larger block keeps them (mallopt(3), M_MMAP_THRESHOLD), and asyncio streams
# then answer up to twice as many messages one at a time. The peer is measured at its best: as if it had.
WARM_ALLOCATOR = (("MALLOC_MMAP_THRESHOLD_", "524288"), ("MALLOC_TRIM_THRESHOLD_", "1048576"))

IDLE = "idle"
STARTUP = "startup"
REDIS = "redis"
TRANSFERS = "transfers"
CHAT = "chat"
CLASSIC = ("landline", "asyncio", "uvloop", "socketserver", "gevent", "twisted", "limit")
STYLES = ("landline-connection", "landline-async", "landline-blocking", "landline-handler", "landline-unlimited")
ENDS = {"length": "", "lines": " LF", "json": " JSON", "msgpack": " MessagePack", "tls": " TLS"}
SERVICES = {"length": "landline_upper", "tls": "landline_upper", "lines": "landline_lines"}


@dataclass(frozen=True)
class Server:
    """A server: its short name, what the tables call it, where its code is, what it needs.

    `service` is the attribute that `landline serve` takes, in `servers/`; `kind` is what it is asked where that is not
    what the cell asks.
    """

    name: str
    label: str
    module: str = ""
    library: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    service: str = ""
    kind: str = ""

    @property
    def own(self) -> bool:
        """Whether it is Landline, run by its command."""
        return self.name.startswith("landline")

    def absent(self) -> str:
        """Return a sentence saying what is missing, or nothing when the server can run."""
        if self.library and importlib.util.find_spec(self.library) is None:
            return f"{self.label} is left out: {self.library} is not installed."
        return ""


@dataclass(frozen=True)
class Cell:
    """A kind of traffic: connections, messages in flight on each, payload size in bytes, and who is measured.

    `kind` says what travels: messages after a length, lines, documents (json, msgpack) after a length, or the first in
    TLS.
    """

    name: str
    title: str
    connections: int
    in_flight: int
    size: int
    mixed: bool = False
    kind: str = "length"
    servers: tuple[str, ...] = CLASSIC

    @property
    def figures(self) -> str:
        """The traffic in figures, as the tables write it."""
        about = "~" if self.mixed else "="
        return f"c={self.connections} d={self.in_flight} s{about}{self.size}{ENDS[self.kind]}"


@dataclass(frozen=True)
class Comparison:
    """A ratio that is shown: one server's messages a second to another's in one cell, and the least it is to be."""

    cell: str
    peer: str
    at_least: float | None = None
    server: str = "landline"


LANDLINE = Server("landline", "Landline")
ASYNCIO = Server("asyncio", "asyncio streams", "bench.servers.asyncio_streams", environment=WARM_ALLOCATOR)
TWISTED = Server("twisted", "Twisted", "bench.servers.twisted_receivers", "twisted")
LIMIT = Server("limit", "C, epoll (the limit)")

UVLOOP = Server("uvloop", "asyncio streams on uvloop", "bench.servers.uvloop_streams", "uvloop")
SOCKETSERVER = Server("socketserver", "socketserver, threads", "bench.servers.socketserver_threads")
EASYNETWORK = Server("easynetwork", "EasyNetwork on uvloop", "bench.servers.easynetwork_lines", "easynetwork")

SERVERS = (
    LANDLINE,
    Server("landline-connection", "Landline, connection handler", service="landline_styles:conversation"),
    Server("landline-async", "Landline, async message handler", service="landline_styles:awaited"),
    Server("landline-blocking", "Landline, blocking handler", service="landline_styles:blocking"),
    Server("landline-handler", "Landline, socketserver class", service="landline_styles:from_handler"),
    Server("landline-unlimited", "Landline, limits off", service="landline_styles:unlimited"),
    Server("landline-bytes", "Landline, bytes of that size", service="landline_upper:service", kind="length"),
    ASYNCIO,
    UVLOOP,
    SOCKETSERVER,
    Server("gevent", "gevent", "bench.servers.gevent_streams", "gevent"),
    TWISTED,
    EASYNETWORK,
    LIMIT,
)

THREADS = ("landline-blocking", "landline-handler", "landline-unlimited")
TYPED = ("landline", "landline-bytes", "asyncio", "uvloop")
SECURE = ("landline", "asyncio", "uvloop")

CELLS = (
    Cell("single", "One at a time", connections=64, in_flight=1, size=64, servers=CLASSIC + THREADS),
    Cell("pipelined", "Pipelined", connections=16, in_flight=64, size=64, servers=CLASSIC + STYLES),
    Cell("large", "4 KiB messages", connections=4, in_flight=16, size=4096),
    Cell("mixed", "Mixed sizes", connections=16, in_flight=64, size=64, mixed=True),
    Cell("lines", "Lines", connections=16, in_flight=64, size=64, kind="lines", servers=(*CLASSIC, "easynetwork")),
    Cell("json", "Typed, JSON", connections=16, in_flight=64, size=64, kind="json", servers=TYPED),
    Cell("msgpack", "Typed, MessagePack", connections=16, in_flight=64, size=64, kind="msgpack", servers=TYPED),
    Cell("tls", "TLS 1.3, pipelined", connections=16, in_flight=64, size=64, kind="tls", servers=SECURE),
    Cell("tls-single", "TLS 1.3, one at a time", connections=64, in_flight=1, size=64, kind="tls", servers=SECURE),
)

COMPARISONS = (
    Comparison("single", "asyncio", 1.25),
    Comparison("single", "twisted"),
    Comparison("single", "limit", 0.6),
    Comparison("pipelined", "asyncio", 10.0),
    Comparison("pipelined", "twisted", 2.5),
    Comparison("pipelined", "limit"),
    Comparison("large", "asyncio", 2.5),
    Comparison("large", "twisted"),
    Comparison("large", "limit"),
    Comparison("mixed", "asyncio"),
    Comparison("mixed", "twisted"),
    Comparison("mixed", "limit"),
    Comparison("lines", "asyncio"),
    Comparison("lines", "twisted"),
    Comparison("lines", "easynetwork"),
    Comparison("lines", "limit"),
    Comparison("pipelined", "asyncio", 3.0, "landline-connection"),
    Comparison("pipelined", "uvloop", None, "landline-connection"),
    Comparison("pipelined", "asyncio", None, "landline-async"),
    Comparison("pipelined", "socketserver", None, "landline-blocking"),
    Comparison("single", "socketserver", None, "landline-blocking"),
    Comparison("pipelined", "socketserver", None, "landline-handler"),
    Comparison("single", "socketserver", None, "landline-handler"),
    Comparison("json", "landline-bytes", 0.5),
    Comparison("json", "asyncio"),
    Comparison("json", "uvloop"),
    Comparison("msgpack", "landline-bytes", 0.5),
    Comparison("msgpack", "asyncio"),
    Comparison("msgpack", "uvloop"),
    Comparison("tls", "asyncio"),
    Comparison("tls", "uvloop"),
    Comparison("tls-single", "asyncio"),
    Comparison("tls-single", "uvloop"),
    Comparison("single", "landline-unlimited", 0.9),
    Comparison("pipelined", "landline-unlimited", 0.9),
)

IDLE_CONNECTIONS = 15_000
IDLE_MAX_BYTES = 6144
IDLE_SERVERS = (LANDLINE, ASYNCIO)


def server_named(name: str) -> Server:
    """Return the server with this short name."""
    return next(server for server in SERVERS if server.name == name)


def cell_named(name: str) -> Cell:
    """Return the cell with this short name."""
    return next(cell for cell in CELLS if cell.name == name)


def server_command(server: Server, kind: str, landline: Path) -> list[str]:
    """Return the words that start a server on 127.0.0.1, on a port it prints."""
    if server == LIMIT:
        return [str(BUILD / "limit"), kind]
    if not server.own:
        return [sys.executable, "-m", server.module, kind]
    service = server.service or (f"{SERVICES[kind]}:service" if kind in SERVICES else f"landline_typed:{kind}")
    secure = ["--certificate", str(CERTIFICATE), "--key", str(KEY)] if kind == "tls" else []
    return [str(landline), "serve", f"bench.servers.{service}", "tcp://127.0.0.1:0", *secure]


def all_pairs() -> list[tuple[str, str]]:
    """Return every CELL and SERVER that can be measured."""
    pairs = [(cell.name, name) for cell in CELLS for name in cell.servers]
    pairs += [(IDLE, server.name) for server in IDLE_SERVERS]
    return [*pairs, *((cell, LANDLINE.name) for cell in (REDIS, STARTUP, TRANSFERS, CHAT))]


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
    cells = ", ".join([cell.name for cell in CELLS] + [IDLE, REDIS, STARTUP, TRANSFERS, CHAT])
    servers = ", ".join(server.name for server in SERVERS)
    return f"cells are {cells}; servers are {servers}."
