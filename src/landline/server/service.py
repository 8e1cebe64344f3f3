"""Service: what to do with a message, declared apart from where it runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from landline.connection.stream import StreamConnection
from landline.errors import ServiceError
from landline.framing import Framing
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.transport.tls import ServerTls

MessageHandler = Callable[..., Any]
ConnectionHandler = Callable[[StreamConnection], Awaitable[None]]
AnyMessageHandler = TypeVar("AnyMessageHandler", bound=MessageHandler)


class Service:
    """A name, a framing, limits, and what to do with messages.

    `name` stands in logs and tables; `framing` says where a message ends (a Framing or a spec such as
    "length:u32be"); `limits` bounds what a peer can make the service hold; with `tls` it speaks TLS on every stream
    address, whatever the scheme. Raises FramingSpecError if the framing does not fit the limits.

    A service with both handlers holds conversations over streams and answers datagrams with its message handler.
    """

    def __init__(
        self,
        name: str,
        *,
        framing: str | Framing = "lines",
        limits: Limits | None = None,
        tls: ServerTls | None = None,
    ) -> None:
        self.name = name
        self.framing = parse_framing(framing) if isinstance(framing, str) else framing
        self.limits = limits or Limits()
        self.tls = tls
        self.message_handler: MessageHandler | None = None
        self.connection_handler: ConnectionHandler | None = None
        self.framing.decoder(self.limits)

    def __repr__(self) -> str:
        return f"<Service {self.name}, {self.framing}>"

    def message(self, handler: AnyMessageHandler) -> AnyMessageHandler:
        """Declare the handler of messages: `(message)` or `(message, connection)`, with a reply or None as its result.

        A `def` runs in the event loop and must not block; an `async def` is awaited. The messages of one connection are
        handled in order. Returns the handler. Raises ServiceError if it takes other arguments.
        """
        if _places(handler) not in (1, 2):
            raise ServiceError(f"the message handler of {self.name} must take (message) or (message, connection)")
        self.message_handler = handler
        return handler

    def connection(self, handler: ConnectionHandler) -> ConnectionHandler:
        """Declare the handler of conversations: `async def (connection)`; the connection closes when it returns.

        Returns the handler. Raises ServiceError if it is not a coroutine function of one argument.
        """
        if not inspect.iscoroutinefunction(handler) or _places(handler) != 1:
            raise ServiceError(f"the connection handler of {self.name} must be `async def` and take (connection)")
        self.connection_handler = handler
        return handler

    def with_options(
        self, framing: str | Framing | None = None, limits: Limits | None = None, tls: ServerTls | None = None
    ) -> Service:
        """A copy of this service with another framing, other limits or other TLS."""
        copy = Service(self.name, framing=framing or self.framing, limits=limits or self.limits, tls=tls or self.tls)
        copy.message_handler = self.message_handler
        copy.connection_handler = self.connection_handler
        return copy

    def check(self, datagram: bool) -> None:
        """Raise ServiceError if there is no handler for streams, or for datagrams."""
        if datagram and self.message_handler is None:
            raise ServiceError(f"{self.name} cannot answer datagrams: it has no handler declared with @service.message")
        if self.message_handler is None and self.connection_handler is None:
            raise ServiceError(f"{self.name} has no handler: declare one with @service.message or @service.connection")


def bound_to(handler: MessageHandler, connection: StreamConnection) -> MessageHandler:
    """The handler as a function of the message alone."""
    if not takes_connection(handler):
        return handler

    def answer(message: bytes) -> Any:
        # A handler that ended the conversation has no say in what followed in the same read.
        return None if connection.ending else handler(message, connection)

    return answer


def awaits(handler: MessageHandler | None) -> bool:
    """Whether a message handler is to be awaited: an `async def`, or an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def takes_connection(handler: MessageHandler) -> bool:
    """Whether a message handler wants to know whose message it is."""
    return _places(handler) == 2


def _places(handler: Callable[..., Any]) -> int:
    """How many positional arguments a handler must be given."""
    try:
        parameters = inspect.signature(handler).parameters.values()
    except ValueError:
        # A function written in C may not tell; `bytes.upper` is one, and takes the message.
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in kinds and one.default is inspect.Parameter.empty for one in parameters)
