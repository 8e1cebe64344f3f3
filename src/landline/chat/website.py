"""What the web page's server answers to one HTTP request: files, counts, refusals, and what guards them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from landline.chat.fronts import Caller

CHAT_PATH = "/chat"
"""Where the WebSocket of the chat is."""
METRICS_PATH = "/metrics"

Metrics = Callable[[Mapping[str, str], Caller], str | None]
"""Counts as Prometheus text for this caller with these headers (names in lower case); None: they are not for him."""

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\]")
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class File:
    """Something that is served as it is; `tag` changes with its content."""

    content_type: str
    body: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class Site:
    """What there is to see, by path, and who may see it.

    `hosts`: names under which callers of this machine may ask for the page, beside those of loopback. `origins`: other
    sites (`https://example.org`) whose pages may open the WebSocket.
    """

    files: Mapping[str, File]
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    metrics: Metrics | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """One HTTP request; the names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    is_old: bool = False
    """It is HTTP/1.0, which need not name a host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a request."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(asking: Asking, caller: Caller, site: Site) -> Answer | None:
    """What to say to this request; None: nothing speaks against its WebSocket."""
    host = asking.headers.get("host", "").lower()
    refusal = _refuse_host(host, asking, caller, site)
    if refusal is not None:
        return refusal
    if asking.method not in ("GET", "HEAD"):
        return refuse_method()
    path = asking.target.partition("?")[0]
    if path == CHAT_PATH:
        if is_own_origin(asking.headers.get("origin"), host, site):
            return None
        return sentence(HTTPStatus.FORBIDDEN, "A page of another site may not speak here.")
    if path == METRICS_PATH and site.metrics is not None:
        return _counts(site.metrics(asking.headers, caller))
    # Paths are names in a table: whatever dots and escapes they have, they never reach a file system.
    file = site.files.get(path)
    return _missing() if file is None else _give(file, asking)


def sentence(status: HTTPStatus, text: str, **headers: str) -> Answer:
    """A refusal in words."""
    return Answer(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8", **headers})


def guards(host: str) -> dict[str, str]:
    """Headers of every answer: the page runs its own files alone, and no other page may hold or read it.

    `host`: as the caller named us; Safari before 15.4 does not take a WebSocket for 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{sockets}; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


def is_own_origin(origin: str | None, host: str, site: Site) -> bool:
    """Whether a WebSocket may be opened: from our own page, from a site that is named, or from a program (no origin).

    Browsers let any page open a WebSocket to anywhere, and say whose page it is (RFC 6455, 10.2).
    """
    if origin is None or origin.lower() in site.origins:
        return True
    parts = _ORIGIN.fullmatch(origin.lower())
    if parts is None:
        return False
    scheme, theirs = parts.groups()
    ours = _HOST.fullmatch(host)
    asked = _HOST.fullmatch(theirs)
    if ours is None or asked is None:
        return False
    port = _PORTS[scheme]
    return (ours[1], ours[2] or port) == (asked[1], asked[2] or port)


def _refuse_host(host: str, asking: Asking, caller: Caller, site: Site) -> Answer | None:
    """A page of elsewhere whose name was made to mean this machine (DNS rebinding) still says its own name here."""
    if not host and asking.is_old:
        return None
    parts = _HOST.fullmatch(host)
    if parts is None:
        return sentence(HTTPStatus.BAD_REQUEST, "The Host header must be one name and a port, such as localhost:8110.")
    if not caller.is_local or caller.address == "unix" or _LOOPBACK.fullmatch(parts[1]):
        return None
    if host in site.hosts or parts[1] in site.hosts:
        return None
    text = f"On this machine the chat is at localhost, not at {parts[1]}. Whoever runs it may allow that name as well."
    return sentence(HTTPStatus.MISDIRECTED_REQUEST, text)


def refuse_method() -> Answer:
    """No to POST and the like."""
    return sentence(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are understood here.", Allow="GET, HEAD")


def _counts(text: str | None) -> Answer:
    if text is None:
        return sentence(HTTPStatus.FORBIDDEN, "The counts are for this machine, or for who has the token.")
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(HTTPStatus.OK, text.encode(), headers)


def _give(file: File, asking: Asking) -> Answer:
    tags = asking.headers.get("if-none-match", "")
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if file.tag in (tag.strip().removeprefix("W/") for tag in tags.split(",")):
        return Answer(HTTPStatus.NOT_MODIFIED, b"", headers)
    return Answer(HTTPStatus.OK, file.body, {"Content-Type": file.content_type, **headers})


def _missing() -> Answer:
    body = (
        b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Nothing here</title>'
        b'<h1>Nothing here</h1><p>There is nothing under this address. <a href="/">To the chat</a></p></html>\n'
    )
    return Answer(HTTPStatus.NOT_FOUND, body, {"Content-Type": "text/html; charset=utf-8"})
