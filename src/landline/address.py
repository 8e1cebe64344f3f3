"""Addresses: where to listen and where to call, written as one text.

    tcp://host:port          tcp://[::1]:8101      host:port (short for tcp)
    tls://host:port          tls://host:port?pin=sha256:HEX64
    udp://host:port
    unix:///path?mode=660    unix://@abstract
    fd://3                   an inherited listening socket

`parse` reads them, `str` writes them; the two are inverses. Nothing here looks a name up or opens anything.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from landline.errors import AddressError

UNIX_PATH_BYTES = 107
"""Bytes a Unix path may have: sun_path holds 108 with the closing zero (unix(7))."""

_EXAMPLES = {
    "tcp": "tcp://127.0.0.1:8101",
    "tls": "tls://127.0.0.1:8101",
    "udp": "udp://127.0.0.1:8101",
    "unix": "unix:///run/upper.sock",
    "fd": "fd://3",
}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_PIN = re.compile(r"sha256:[0-9a-fA-F]{64}")
_PIN_EXAMPLE = f"sha256:{'0123456789abcdef' * 4}"
_ZONE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP host and port. `v6only` asks a listener on an IPv6 address to leave IPv4 alone."""

    host: str
    port: int
    v6only: bool = False

    scheme = "tcp"

    def __str__(self) -> str:
        return f"tcp://{host_port(self.host, self.port)}{'?v6only=yes' if self.v6only else ''}"


@dataclass(frozen=True, slots=True)
class TlsAddress(TcpAddress):
    """A TCP host and port where TLS is spoken.

    `pin` is `sha256:` and the SHA-256 of the peer's certificate (all of it, in DER) in 64 lower-case hex digits: who
    shows that certificate is the right peer, whatever name and issuer stand in it. None leaves that to CAs.
    """

    pin: str | None = None

    scheme = "tls"

    def __str__(self) -> str:
        given = {"pin": self.pin, "v6only": "yes" if self.v6only else None}
        options = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"tls://{host_port(self.host, self.port)}{'?' if options else ''}{options}"


@dataclass(frozen=True, slots=True)
class UdpAddress:
    """A UDP host and port. `v6only` asks a listener on an IPv6 address to leave IPv4 alone."""

    host: str
    port: int
    v6only: bool = False

    scheme = "udp"

    def __str__(self) -> str:
        return f"udp://{host_port(self.host, self.port)}{'?v6only=yes' if self.v6only else ''}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix stream socket: a path (with the mode of the socket file), or an abstract name that starts with `@`."""

    path: str
    mode: int | None = None

    scheme = "unix"

    @property
    def abstract(self) -> bool:
        """Whether this is a name in the kernel and not a file."""
        return self.path.startswith("@")

    @property
    def sockaddr(self) -> bytes:
        """The bytes the kernel is given: an abstract name starts with a zero byte (unix(7))."""
        raw = self.path.encode("utf-8", "surrogateescape")
        return b"\0" + raw[1:] if self.abstract else raw

    def __str__(self) -> str:
        path = quote(self.path.encode("utf-8", "surrogateescape"), safe="/@:+,=~")
        return f"unix://{path}{f'?mode={self.mode:03o}' if self.mode is not None else ''}"


@dataclass(frozen=True, slots=True)
class FdAddress:
    """A listening socket this process inherited, by its descriptor number."""

    number: int

    scheme = "fd"

    def __str__(self) -> str:
        return f"fd://{self.number}"


Address = TcpAddress | UdpAddress | UnixAddress | FdAddress


def host_port(host: str, port: int) -> str:
    """`host:port`, with an IPv6 host in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(text: str | Address) -> Address:
    """Read an address.

    `text` is one of the forms at the top of this module; an Address stands for itself. Returns TcpAddress, TlsAddress,
    UdpAddress, UnixAddress or FdAddress. Raises AddressError, whose sentence names the part that is wrong and shows a
    correct address.
    """
    if isinstance(text, Address):
        return text
    if not isinstance(text, str):
        raise AddressError(str(text), "kind", f"is {type(text).__name__} and not text", _EXAMPLES["tcp"])
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = _without_scheme(text)
    if scheme in ("tcp", "tls", "udp"):
        return _internet(text, scheme, rest)
    if scheme == "unix":
        return _unix(text, rest)
    if scheme == "fd":
        return _descriptor(text, rest)
    raise AddressError(text, "scheme", "is not tcp, tls, udp, unix or fd", _EXAMPLES["tcp"])


def _without_scheme(text: str) -> tuple[str, str]:
    """The short form is TCP, unless it looks like a slip of the pen that the rules for TCP would explain badly."""
    name, _, rest = text.partition(":")
    if name in _EXAMPLES and not rest.isdecimal():
        raise AddressError(text, "scheme", "is not followed by ://", _EXAMPLES[name])
    if "/" in name:
        raise AddressError(text, "scheme", "is missing", _EXAMPLES["unix"])
    return "tcp", text


def _internet(text: str, scheme: str, rest: str) -> TcpAddress | UdpAddress:
    example = _EXAMPLES[scheme]
    known = ("pin", "v6only") if scheme == "tls" else ("v6only",)
    location, options = _options(text, rest, known, f"{scheme}://[::]:8101?v6only=yes")
    host, port = _split_host(text, location, example)
    v6only = options.get("v6only", "no")
    if v6only not in ("yes", "no"):
        raise AddressError(text, "v6only option", "is not yes or no", f"{scheme}://[::]:8101?v6only=yes")
    if scheme == "tls":
        return TlsAddress(host, _port(text, port, example), v6only == "yes", _pin(text, options.get("pin")))
    kind = TcpAddress if scheme == "tcp" else UdpAddress
    return kind(host, _port(text, port, example), v6only == "yes")


def _pin(text: str, pin: str | None) -> str | None:
    if pin is not None and not _PIN.fullmatch(pin):
        example = f"{_EXAMPLES['tls']}?pin={_PIN_EXAMPLE}"
        raise AddressError(text, "pin", "is not sha256: and 64 hex digits", example)
    return pin.lower() if pin is not None else None


def check_pin(pin: str) -> str:
    """The pin in lower case. Raises AddressError if it is not `sha256:` and 64 hex digits."""
    if not _PIN.fullmatch(pin):
        raise AddressError(pin, "pin", "is not sha256: and 64 hex digits", _PIN_EXAMPLE)
    return pin.lower()


def _split_host(text: str, location: str, example: str) -> tuple[str, str]:
    bracketed = _bracketed(example, "::1")
    if location.startswith("["):
        host, bracket, port = location[1:].partition("]")
        if not bracket:
            raise AddressError(text, "host", "opens a bracket and does not close it", bracketed)
        if not port.startswith(":"):
            raise AddressError(text, "port", "is missing", bracketed)
        return _ipv6(text, host, example), port[1:]
    host, colon, port = location.rpartition(":")
    if not colon:
        raise AddressError(text, "port", "is missing", example)
    if not host:
        raise AddressError(text, "host", "is empty", example)
    if ":" in host:
        raise AddressError(text, "host", "is IPv6 without its brackets", bracketed)
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise AddressError(text, "host", "is not a name or an IP address", example)
    return _dotted_quad(text, host, example), port


def _bracketed(example: str, host: str) -> str:
    scheme = example.partition(":")[0]
    return f"{scheme}://[{host}]:8101"


def _dotted_quad(text: str, host: str, example: str) -> str:
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            problem = "is not four numbers from 0 to 255 without leading zeros"
            raise AddressError(text, "host", problem, example) from None
    return host


def _ipv6(text: str, host: str, example: str) -> str:
    address, percent, zone = host.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise AddressError(text, "host", "is not an IPv6 address", _bracketed(example, "::1")) from None
    if percent and not _ZONE.fullmatch(zone):
        raise AddressError(text, "zone", "is not the name of an interface", _bracketed(example, "fe80::1%eth0"))
    return host


def _port(text: str, port: str, example: str) -> int:
    if not port:
        raise AddressError(text, "port", "is missing", example)
    if not re.fullmatch(r"[0-9]{1,20}", port):
        raise AddressError(text, "port", "is not a number", example)
    if int(port) > 65535:
        raise AddressError(text, "port", f"is {int(port)} and the highest is 65535", example)
    return int(port)


def _unix(text: str, rest: str) -> UnixAddress:
    example = _EXAMPLES["unix"]
    location, options = _options(text, rest, ("mode",), f"{example}?mode=660")
    raw = unquote_to_bytes(_bytes_of(text, location, example))
    if not raw.startswith((b"/", b"@")) or raw == b"@":
        raise AddressError(text, "path", "is neither absolute nor an abstract name like @upper", example)
    if len(raw) > UNIX_PATH_BYTES:
        raise AddressError(text, "path", f"has {len(raw)} bytes and the most is {UNIX_PATH_BYTES}", example)
    if b"\0" in raw:
        raise AddressError(text, "path", "holds a zero byte", example)
    return UnixAddress(raw.decode("utf-8", "surrogateescape"), _mode(text, raw, options.get("mode")))


def _bytes_of(text: str, location: str, example: str) -> bytes:
    # A path from a command line may hold bytes that are not UTF-8; Python passes them on as surrogates (PEP 383).
    try:
        return location.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise AddressError(text, "path", "holds a character that no file name can have", example) from None


def _mode(text: str, raw: bytes, mode: str | None) -> int | None:
    if mode is None:
        return None
    if raw.startswith(b"@"):
        raise AddressError(text, "mode", "does not apply to an abstract name, which has no file", "unix://@upper")
    if not re.fullmatch(r"0?[0-7]{3}", mode):
        raise AddressError(text, "mode", "is not three octal digits", f"{_EXAMPLES['unix']}?mode=660")
    return int(mode, 8)


def _descriptor(text: str, rest: str) -> FdAddress:
    if not re.fullmatch(r"[0-9]{1,9}", rest):
        raise AddressError(text, "descriptor", "is not a whole number", _EXAMPLES["fd"])
    return FdAddress(int(rest))


def _options(text: str, rest: str, known: tuple[str, ...], example: str) -> tuple[str, dict[str, str]]:
    location, question, query = rest.partition("?")
    options: dict[str, str] = {}
    for option in query.split("&") if question else ():
        name, equals, value = option.partition("=")
        if name not in known or not equals or name in options:
            names = " or ".join(f"{one}=…" for one in known)
            raise AddressError(text, f"option {option!r}", f"is not {names}, given once", example)
        options[name] = value
    return location, options
