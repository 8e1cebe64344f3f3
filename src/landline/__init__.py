"""Landline: programs that talk over sockets, in messages that arrive whole.

The names below are the public ones; each is imported when it is first used, so that a program pays for what it uses.
"""

from landline._lazily import lazily
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
    "Backoff": "landline.connection.backoff:Backoff",
    "ClientTls": "landline.transport.tls:ClientTls",
    "DatagramConnection": "landline.connection.datagram:DatagramConnection",
    "Limits": "landline.limits:Limits",
    "MessageRejected": "landline.errors:MessageRejected",
    "Reconnect": "landline.connection.reconnect:Reconnect",
    "ReconnectingConnection": "landline.connection.reconnect:ReconnectingConnection",
    "Server": "landline.server.engine:Server",
    "ServerTls": "landline.transport.tls:ServerTls",
    "Service": "landline.server.service:Service",
    "Session": "landline.server.session:Session",
    "SessionConnection": "landline.server.session:SessionConnection",
    "StreamConnection": "landline.connection.stream:StreamConnection",
    "blocking": "landline.connection.blocking",
    "connect": "landline.connection.client:connect",
    "parse_address": "landline.address:parse",
    "parse_framing": "landline.framing:parse",
    "run": "landline.server.run:run",
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

__getattr__ = lazily(__name__, _HOMES)
