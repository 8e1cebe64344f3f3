"""Landline: programs that talk over sockets, in messages that arrive whole.

The names below are the public ones; each is imported when it is first used, so that a program pays for what it uses.
"""

from landline._version import __version__

# What `typing.TYPE_CHECKING` is, without the milliseconds of importing typing; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from landline import transfer
    from landline.address import parse as parse_address
    from landline.connection import blocking
    from landline.connection.backoff import Backoff
    from landline.connection.client import connect
    from landline.connection.datagram import DatagramConnection
    from landline.connection.reconnect import Reconnect, ReconnectingConnection
    from landline.connection.stream import StreamConnection
    from landline.errors import MessageRejected
    from landline.framing import parse as parse_framing
    from landline.limits import Limits
    from landline.server.engine import Server
    from landline.server.run import run
    from landline.server.service import Service
    from landline.server.session import Session, SessionConnection
    from landline.transport.tls import ClientTls, ServerTls

_HOMES = {
    "Backoff": "landline.connection.backoff",
    "ClientTls": "landline.transport.tls",
    "DatagramConnection": "landline.connection.datagram",
    "Limits": "landline.limits",
    "MessageRejected": "landline.errors",
    "Reconnect": "landline.connection.reconnect",
    "ReconnectingConnection": "landline.connection.reconnect",
    "Server": "landline.server.engine",
    "ServerTls": "landline.transport.tls",
    "Service": "landline.server.service",
    "Session": "landline.server.session",
    "SessionConnection": "landline.server.session",
    "StreamConnection": "landline.connection.stream",
    "blocking": "landline.connection.blocking",
    "connect": "landline.connection.client",
    "parse_address": "landline.address",
    "parse_framing": "landline.framing",
    "run": "landline.server.run",
    "transfer": "landline.transfer",
}

__all__ = [
    "Backoff",
    "ClientTls",
    "DatagramConnection",
    "Limits",
    "MessageRejected",
    "Reconnect",
    "ReconnectingConnection",
    "Server",
    "ServerTls",
    "Service",
    "Session",
    "SessionConnection",
    "StreamConnection",
    "__version__",
    "blocking",
    "connect",
    "parse_address",
    "parse_framing",
    "run",
    "transfer",
]


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'landline' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    if name in ("blocking", "transfer"):
        value: object = module
    else:
        value = getattr(module, name.removesuffix("_address").removesuffix("_framing"))
    globals()[name] = value
    return value
