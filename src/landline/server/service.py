"""Service: what to do with a message, declared apart from where it runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from landline.connection.blocking import BlockingConnection
from landline.connection.requests import Numbered, Replies, parse_replies
from landline.connection.stream import StreamConnection
from landline.errors import ServiceError
from landline.framing import Framing, Raw
from landline.framing import parse as parse_framing
from landline.limits import Limits, given_limits
from landline.payload import Bytes, Payload
from landline.payload import parse as parse_payload
from landline.server.broadcast import Broadcast, Recipients, broadcast, check_reached
from landline.server.declared import Declared
from landline.server.handlers import HandlerClass, as_handler_class, check_handler_class
from landline.server.router import Route, Router
from landline.server.session import SessionFactory
from landline.transport.tls import ServerTls

MessageHandler = Callable[..., Any]
ConnectionHandler = Callable[[StreamConnection], Awaitable[None]]
BlockingHandler = Callable[[BlockingConnection], None]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])
AnyFactory = TypeVar("AnyFactory", bound=SessionFactory)


class Service:
    """A name, a framing, a payload, limits, and what to do with messages.

    `name` stands in logs and tables; `framing` says where a message ends (a Framing or a spec such as "length:u32be");
    `payload` what it means (bytes, text, json, msgpack, or a msgspec.Struct class); `limits` bounds what a peer can
    make the service hold. `replies` is "numbered" where each message begins with a number that its reply repeats;
    `state` makes what `connection.state` is at first; `switchable` allows conversations to switch their framing and to
    start TLS. With `tls` it speaks TLS from the first byte on every stream address, whatever the scheme; without
    `tls_required`, callers that do not begin with TLS, or with nothing for a quarter of a second, are served there in
    the clear. Raises FramingSpecError if the framing does not fit the limits, UsageError for a payload that cannot be.

    A service with a connection handler and a message handler holds conversations over streams and answers datagrams
    with its message handler.
    """

    def __init__(
        self,
        name: str,
        *,
        framing: str | Framing = "lines",
        payload: Any = "bytes",
        limits: Limits | None = None,
        replies: Replies = "in_order",
        state: Callable[[], Any] | None = None,
        switchable: bool = False,
        tls: ServerTls | None = None,
        tls_required: bool = True,
    ) -> None:
        self.name = name
        self.framing = parse_framing(framing)
        self.payload: Payload = parse_payload(payload)
        self.limits = given_limits(limits)
        self.tls = tls
        self.tls_required = tls_required
        self.replies: Replies = replies
        self.state = state
        self.switchable = switchable
        self.declared = Declared()
        parse_replies(replies)
        check_options(name, state, tls)
        self.framing.decoder(self.limits)
        if self.framing.line_based and self.payload.may_hold_line_ends:
            raise ServiceError(f"{name}: msgpack may hold line ends; give it another framing, such as length:u32be")
        if self.numbered and isinstance(self.framing, Raw):
            raise ServiceError(f"{name}: raw bytes have no messages to number; give it another framing, such as lines")

    def __repr__(self) -> str:
        return f"<Service {self.name}, {self.framing}, {self.payload}>"

    # Declaring.

    def message(self, handler: AnyHandler) -> AnyHandler:
        """Declare the handler of messages: `(message)` or `(message, connection)`, with a reply or None as its result.

        A `def` runs in the event loop and must not block; an `async def` is awaited. The messages of one connection are
        handled in order. With payload json or msgpack the annotation of `message` says what it must be. Returns the
        handler. Raises ServiceError if it takes other arguments, or if there is one already.
        """
        if places(handler) not in (1, 2):
            raise ServiceError(f"the message handler of {self.name} must take (message) or (message, connection)")
        check_first(self.name, "message", self.declared.message_handler)
        self.declared.message_handler = handler
        return handler

    def on(self, kind: type, *, needs: str | Iterable[str] = ()) -> Callable[[AnyHandler], AnyHandler]:
        """Declare the handler of one type of message, as `message` does for all.

        `kind` is a msgspec.Struct class with a tag, by which a document says that it is one; `needs` names what the
        connection must have been granted before (`connection.grants.add("login")`). Returns a decorator. Raises
        ServiceError for another class, for one that has a handler, or for a handler that takes other arguments.
        """
        from landline.payload.documents import tag_of

        if not isinstance(kind, type):
            raise ServiceError(f"@{self.name}.on takes a msgspec.Struct class, and not {kind!r}")
        if tag_of(kind) is None:
            name = kind.__name__
            raise ServiceError(f"{name} has no tag to route by: declare it as `class {name}(msgspec.Struct, tag=True)`")

        wanted = frozenset((needs,) if isinstance(needs, str) or not isinstance(needs, Iterable) else needs)
        if not all(isinstance(one, str) for one in wanted):
            raise ServiceError(f"needs of {kind.__name__} cannot be {needs!r}; it must be a text, or a list of texts")

        def declare(handler: AnyHandler) -> AnyHandler:
            if places(handler) not in (1, 2):
                raise ServiceError(f"the handler of {kind.__name__} must take (message) or (message, connection)")
            self.routes.add(kind, Route(handler, wanted, takes_connection(handler), awaits(handler)))
            return handler

        return declare

    def connection(self, handler: ConnectionHandler) -> ConnectionHandler:
        """Declare the handler of conversations: `async def (connection)`; the connection closes when it returns.

        Returns the handler. Raises ServiceError if it is not a coroutine function of one argument, or if there is one
        already.
        """
        if not inspect.iscoroutinefunction(handler) or places(handler) != 1:
            raise ServiceError(f"the connection handler of {self.name} must be `async def` and take (connection)")
        check_first(self.name, "connection", self.declared.connection_handler)
        self.declared.connection_handler = handler
        return handler

    def blocking(self, handler: BlockingHandler) -> BlockingHandler:
        """Declare the handler of conversations that block: `def (connection)`; the connection closes when it returns.

        Each runs in a thread of its own, at most `max_threads` of them, over a BlockingConnection whose waits end when
        the limits of the service say so. Returns the handler. Raises ServiceError if it is not a plain function of one
        argument, or if there is one already.
        """
        if places(handler) != 1 or awaits(handler):
            raise ServiceError(f"the blocking handler of {self.name} must be a plain `def` and take (connection)")
        check_first(self.name, "blocking", self.declared.blocking_handler)
        self.declared.blocking_handler = handler
        return handler

    def session(self, factory: AnyFactory) -> AnyFactory:
        """Declare what makes the session of a connection: a class, or a `def`, of (connection).

        It is called with a SessionConnection when that is open (behind the handshake of TLS) and returns a Session,
        whose methods are called when something happens there: no task runs for it. Returns the factory. Raises
        ServiceError if it takes other arguments or is to be awaited, or if there is one already.
        """
        if places(factory) != 1 or awaits(factory):
            raise ServiceError(f"the session of {self.name} must be a class or a plain `def` and take (connection)")
        check_first(self.name, "session", self.declared.session_factory)
        self.declared.session_factory = factory
        return factory

    @classmethod
    def from_handler(
        cls,
        handler_class: HandlerClass,
        *,
        name: str | None = None,
        limits: Limits | None = None,
        tls: ServerTls | None = None,
    ) -> Service:
        """Make a service of a handler class of the standard library's socketserver, unmodified.

        `handler_class` is the class, `name` its own where it is None, `limits` its bounds. With `tls`, handlers find
        an ssl.SSLSocket whose handshake is done. Returns the service. Each connection or datagram is handled in a
        thread, at most `max_threads` at once. Raises ServiceError for anything but a subclass of
        socketserver.BaseRequestHandler.
        """
        handler_class = as_handler_class(handler_class, "Service.from_handler")
        service = cls(name or handler_class.__name__, framing="raw", limits=limits, tls=tls)
        service.declared.handler_class = handler_class
        return service

    def middleware(self, handler: AnyHandler) -> AnyHandler:
        """Declare what stands round every message handler: `(message, connection, call_next)` to the reply.

        `call_next(message)` is the rest of the way to the handler. The first one declared is the outermost. Round an
        `async def` handler it must be `async def` too, and await `call_next`. Conversations are not passed through it.
        Returns the handler. Raises ServiceError if it takes other arguments.
        """
        if places(handler) != 3:
            raise ServiceError(f"a middleware of {self.name} must take (message, connection, call_next)")
        self.declared.middlewares.append(handler)
        return handler

    def startup(self, handler: AnyHandler) -> AnyHandler:
        """Declare what runs before the service accepts: `def` or `async def`, without arguments. Returns the handler.

        What it raises keeps the server from starting.
        """
        self.declared.on_startup.append(self._without_arguments(handler))
        return handler

    def shutdown(self, handler: AnyHandler) -> AnyHandler:
        """Declare what runs when the last conversation is over: `def` or `async def`, without arguments.

        Returns the handler. What it raises is logged; the others run all the same.
        """
        self.declared.on_shutdown.append(self._without_arguments(handler))
        return handler

    def _without_arguments(self, handler: Callable[..., Any]) -> Callable[[], Any]:
        if places(handler):
            name = getattr(handler, "__qualname__", repr(handler))
            raise ServiceError(f"{name} runs when {self.name} starts or stops, and takes no arguments")
        return handler

    def with_options(
        self,
        framing: str | Framing | None = None,
        limits: Limits | None = None,
        *,
        payload: Any = None,
        replies: Replies | None = None,
        tls: ServerTls | None = None,
        tls_required: bool | None = None,
    ) -> Service:
        """The same service and handlers, with other options for some addresses.

        `framing`, `limits`, `payload`, `replies`, `tls` and `tls_required` are those of a Service; None: as they are.
        """
        copy = Service(
            self.name,
            framing=self.framing if framing is None else framing,
            payload=self.payload if payload is None else payload,
            limits=self.limits if limits is None else limits,
            replies=self.replies if replies is None else replies,
            state=self.state,
            switchable=self.switchable,
            tls=self.tls if tls is None else tls,
            tls_required=self.tls_required if tls_required is None else tls_required,
        )
        copy.declared = self.declared
        return copy

    # Doing.

    def broadcast(self, messages: Iterable[Any], to: Recipients = None) -> Broadcast:
        """Send messages to many connections at once: each is encoded once, whoever gets it.

        `to` is None for all connections of this service on all its addresses, a collection of connections, or a
        function that says of a connection whether it gets them. Nobody is waited for: a connection whose peer reads too
        slowly to take them is left out. Returns a Broadcast, which counts and names those. Raises UnfitValue or
        UnframableMessage before anything is sent. May be called from any thread.
        """
        check_reached(self.name, self.threaded)
        return broadcast(self.declared.running, messages, to)

    # What a server asks.

    @property
    def message_handler(self) -> MessageHandler | None:
        """The handler of messages."""
        return self.declared.message_handler

    @property
    def connection_handler(self) -> ConnectionHandler | None:
        """The handler of conversations."""
        return self.declared.connection_handler

    @property
    def blocking_handler(self) -> BlockingHandler | None:
        """The handler of conversations that block."""
        return self.declared.blocking_handler

    @property
    def handler_class(self) -> HandlerClass | None:
        """The socketserver class it was made of."""
        return self.declared.handler_class

    @property
    def session_factory(self) -> SessionFactory | None:
        """What makes the session of a connection."""
        return self.declared.session_factory

    @property
    def threaded(self) -> bool:
        """Whether connections are handled in threads."""
        return self.blocking_handler is not None or self.handler_class is not None

    @property
    def routes(self) -> Router:
        """The handlers by type of message."""
        return self.declared.routes

    @property
    def middlewares(self) -> list[Callable[..., Any]]:
        """What stands round the message handlers, the outermost first."""
        return self.declared.middlewares

    @property
    def numbered(self) -> bool:
        """Whether messages begin with a number that their replies repeat."""
        return parse_replies(self.replies) is Numbered

    @property
    def answers(self) -> bool:
        """Whether it answers message by message."""
        return self.message_handler is not None or bool(self.routes.types)

    @property
    def awaits(self) -> bool:
        """Whether a message's reply is to be awaited."""
        return awaits(self.message_handler) or self.routes.awaits or any(map(awaits, self.middlewares))

    def check(self, datagram: bool) -> None:
        """Raise ServiceError if there is no handler for streams, or for datagrams, or two that exclude each other."""
        if sum(map(bool, (self.connection_handler, self.blocking_handler, self.handler_class))) > 1:
            raise ServiceError(
                f"{self.name} has more than one handler of connections; keep one of "
                "@service.connection, @service.blocking and the handler class"
            )
        check_threaded(self)
        check_session(self)
        if self.handler_class is not None:
            check_handler_class(self.name, self.handler_class, datagram)
            return
        if self.middlewares and not self.answers:
            raise ServiceError(
                f"{self.name} has middleware and only conversations, which do not pass through it: "
                "let it stand round a message handler, or leave it out"
            )
        if datagram and not self.answers:
            raise ServiceError(f"{self.name} cannot answer datagrams: it has no handler declared with @service.message")
        if not self.answers and not (self.connection_handler or self.blocking_handler or self.session_factory):
            raise ServiceError(
                f"{self.name} has no handler: "
                "declare one with @service.message, @service.connection, @service.blocking or @service.session"
            )
        if self.message_handler is not None and self.routes.types:
            raise ServiceError(f"{self.name} has handlers by type and one for all messages: declare one kind of them")
        if self.numbered and (self.connection_handler or self.blocking_handler or self.session_factory) is not None:
            raise ServiceError(f"{self.name} holds conversations, which are not numbered: leave replies='numbered' out")


def check_first(name: str, kind: str, handler: Callable[..., Any] | None) -> None:
    """Raise ServiceError if there is a handler of this kind already: the one before would never be called."""
    if handler is not None:
        known = getattr(handler, "__qualname__", repr(handler))
        raise ServiceError(f"{name} has a {kind} handler already: {known}; a service has one of each kind")


def check_options(name: str, state: object, tls: object) -> None:
    """Raise ServiceError for a name, a state or a tls that cannot be one."""
    if not isinstance(name, str) or not name:
        raise ServiceError(f"the name of a service cannot be {name!r}; it must be a text, for example Service('echo')")
    if state is not None and not _without_arguments(state):
        raise ServiceError(f"state of {name} cannot be {state!r}; it must be a class or a function without arguments")
    if not isinstance(tls, ServerTls | None):
        raise ServiceError(
            f"tls of {name} cannot be {tls!r}; it must be a ServerTls, for example ServerTls('cert.pem')"
        )


def _without_arguments(make: object) -> bool:
    try:
        inspect.signature(make).bind()  # type: ignore[arg-type]
    except TypeError:
        return False
    except ValueError:
        # A class written in C, such as dict, may not tell.
        return True
    return True


def check_threaded(service: Service) -> None:
    """Raise ServiceError for a service whose handlers block, with options that would do nothing there."""
    if not service.threaded:
        return
    if service.switchable:
        raise ServiceError(f"{service.name} blocks in threads, where no framing can be switched: leave switchable out")
    if service.tls is not None and not service.tls_required:
        raise ServiceError(
            f"{service.name} blocks in threads, where every caller speaks TLS or none does: leave tls_required out"
        )
    if service.handler_class is not None and not isinstance(service.framing, Raw):
        raise ServiceError(
            f"{service.name} is a socketserver class, which reads its bytes itself: leave framing {service.framing} out"
        )


def check_session(service: Service) -> None:
    """Raise ServiceError for a service with sessions and something else that would never be called, or do nothing."""
    if service.session_factory is None:
        return
    if service.answers or service.connection_handler is not None or service.threaded:
        raise ServiceError(
            f"{service.name} has sessions, which get every message: leave @service.session out, or the other handlers"
        )
    if not isinstance(service.payload, Bytes):
        raise ServiceError(f"{service.name} has sessions, which get bytes: leave payload {service.payload} out")


def bound_to(handler: MessageHandler, connection: Any) -> MessageHandler:
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
    return places(handler) == 2


def places(handler: Callable[..., Any]) -> int:
    """How many positional arguments a handler must be given; -1 for what cannot be called with such alone."""
    if not callable(handler):
        return -1
    try:
        parameters = inspect.signature(handler).parameters.values()
    except ValueError:
        # A function written in C may not tell; `bytes.upper` is one, and takes the message.
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters):
        return -1
    return sum(one.kind in kinds and one.default is inspect.Parameter.empty for one in parameters)
