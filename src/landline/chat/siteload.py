"""The files of the web page, read from the package once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files

from landline.chat.webfront import require_websockets
from landline.chat.website import File, Metrics, Site

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


def load_site(hosts: Iterable[str] = (), origins: Iterable[str] = (), metrics: Metrics | None = None) -> Site:
    """The page as it is served. For the arguments see Site. Raises ChatError if `websockets` is not installed."""
    require_websockets()
    shown: dict[str, File] = {}
    for file in files("landline.chat").joinpath("site").iterdir():
        content_type = _TYPES.get(file.name.rpartition(".")[2])
        if content_type is not None:
            body = file.read_bytes()
            shown[f"/{file.name}"] = File(content_type, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
    shown["/"] = shown.pop("/index.html")
    lowered = frozenset(host.lower() for host in hosts)
    return Site(shown, lowered, frozenset(origin.lower().rstrip("/") for origin in origins), metrics)
