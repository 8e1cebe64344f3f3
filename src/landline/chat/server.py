"""A chat as a service: one port for nc, the terminal client, browsers and programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hmac import compare_digest
from pathlib import Path

from landline.chat.bounds import Bounds
from landline.chat.counting import counted
from landline.chat.fronts import Caller
from landline.chat.hub import Hub
from landline.chat.line import Line
from landline.chat.localbus import LocalBus
from landline.chat.lookalikes import prepare
from landline.chat.metrics import exposition
from landline.chat.names import account_of, clean_nick
from landline.chat.ports import Bus
from landline.chat.siteload import load_site
from landline.limits import KIB, Limits
from landline.server.service import Service
from landline.server.session import SessionConnection
from landline.transport.tls import ServerTls

NAME = "chat"


def chat_service(
    data: str | os.PathLike[str] | None = None,
    *,
    tls: ServerTls | None = None,
    tls_required: bool = False,
    bounds: Bounds | None = None,
    limits: Limits | None = None,
    operators: Sequence[str] = (),
    server_name: str = "Landline",
    cluster: str | None = None,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    metrics_token: str | None = None,
    is_restored: bool = False,
) -> Service:
    """A chat, to be run by `landline.run` or a Server, on one address or several.

    `data` is the folder of its history (None: `default_folder()`); with `tls` callers may speak TLS, and must to send
    passwords from elsewhere, or at all under `tls_required`; `operators` are nicks that may moderate every room;
    `cluster` is the `nats://` address of the engine that several nodes share; `hosts` and `origins` name under which
    names the page may be called and which other sites may open its WebSocket; `metrics_token` lets others than this
    machine read `/metrics`; `bounds` and `limits` bound its use, and `server_name` is how it is called.
    `is_restored`: the folder came back from a backup, and clients that know later messages are told that those are
    gone. Returns the service. Raises NameRefused for an operator that is no nick, ChatError if a library is missing.
    """
    bounds = bounds or Bounds()
    folder = default_folder() if data is None else Path(data)
    accounts = [account_of(clean_nick(nick)) for nick in operators]
    hub = Hub(folder, bus_for(cluster), bounds, accounts, server_name)
    hub.site = load_site(hosts, origins, partial(_metrics, hub, metrics_token))
    limits = replace(
        limits or Limits(), send_buffer_bytes=64 * KIB, max_connections_per_peer=bounds.sessions_per_address
    )
    service = Service(NAME, framing="raw", limits=limits, tls=tls, tls_required=tls_required)

    @service.startup
    async def start() -> None:
        # Here and in a thread: the first caller must not wait for it.
        await asyncio.get_running_loop().run_in_executor(None, prepare)
        await hub.start(is_cluster=cluster is not None, is_restored=is_restored)

    @service.shutdown
    async def stop() -> None:
        await hub.stop()

    @service.session
    def session(connection: SessionConnection) -> Line:
        return Line(hub, connection, was_silent=tls is not None and connection.tls is None)

    return service


def default_folder() -> Path:
    """Where the history is if nobody says: `landline/chat` in the data folder of the user (XDG Base Directory)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share"
    return root / "landline" / "chat"


def bus_for(cluster: str | None) -> Bus:
    """The bus of one process, or that of an engine. Raises ChatError without its library, or for another address."""
    if cluster is None:
        return LocalBus()
    from landline.chat.natsbus import NatsBus

    return NatsBus(cluster)


def _metrics(hub: Hub, token: str | None, headers: Mapping[str, str], caller: Caller) -> str | None:
    """The counts, for this machine and for who has the token."""
    given = headers.get("authorization", "").removeprefix("Bearer ")
    if caller.is_local or (token is not None and compare_digest(given.encode(errors="replace"), token.encode())):
        return exposition(counted(hub))
    return None
