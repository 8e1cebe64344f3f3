"""Where the nodes of a chat meet: `nats://[user:password@]host:port[,host:port][/NAME][?replicas=3&ca=FILE]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from landline.errors import AddressError

DEFAULT_PORT = 4222
DEFAULT_NAME = "chat"
EXAMPLE = "nats://127.0.0.1:4222/chat"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
REPLICAS = ("1", "3", "5")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Servers of NATS and the name of a chat on them.

    `replicas` is on how many servers the log is kept (1, 3 or 5), when this node is the first and makes it. `user`
    alone is a token. `ca` is a file of certificates to trust, instead of those of the system.
    """

    servers: tuple[tuple[str, int], ...]
    name: str = DEFAULT_NAME
    is_tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    replicas: int = 1
    ca: str = ""

    def __str__(self) -> str:
        """The servers, without the password."""
        return f"{'tls' if self.is_tls else 'nats'}://{','.join(map(_written, self.servers))}"

    @property
    def urls(self) -> list[str]:
        """Each server as a library wants it, without user and password."""
        return [f"{'tls' if self.is_tls else 'nats'}://{_written(server)}" for server in self.servers]


def _written(server: tuple[str, int]) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_cluster(text: str) -> Cluster:
    """Read the address of a cluster. Raises AddressError, which never shows a password."""
    shown = re.sub(r"//[^/]*@", "//...@", text)
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in ("nats", "tls"):
        raise AddressError(shown, "scheme", "must be nats:// or tls://", EXAMPLE)
    rest, _, options = rest.partition("?")
    place, slash, name = rest.partition("/")
    who, _, hosts = place.rpartition("@")
    user, _, password = who.partition(":")
    if slash and name and not _NAME.fullmatch(name):
        raise AddressError(shown, "name", "may have 1 to 32 letters, digits, - and _", EXAMPLE)
    replicas, ca = _options(shown, options)
    return Cluster(
        servers=tuple(_server(shown, host) for host in hosts.split(",")),
        name=name or DEFAULT_NAME,
        is_tls=scheme == "tls",
        user=unquote(user),
        password=unquote(password),
        replicas=replicas,
        ca=ca,
    )


def _server(shown: str, text: str) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None:
        raise AddressError(shown, "host", "must be a name or an address, with a port behind a colon", EXAMPLE)
    port = int(found["port"] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise AddressError(shown, "port", "must be from 1 to 65535", EXAMPLE)
    return found["six"] or found["host"], port


def _options(shown: str, text: str) -> tuple[int, str]:
    options = dict(parse_qsl(text, keep_blank_values=True))
    replicas, ca = options.pop("replicas", "1"), options.pop("ca", "")
    if options:
        raise AddressError(shown, "option", f"{next(iter(options))!r} is unknown", f"{EXAMPLE}?replicas=3&ca=FILE")
    if replicas not in REPLICAS:
        raise AddressError(shown, "number of replicas", "must be 1, 3 or 5", f"{EXAMPLE}?replicas=3")
    return int(replicas), ca
