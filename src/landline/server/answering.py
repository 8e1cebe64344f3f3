"""From a message to its reply: what stands between the bytes and the handler of a service."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, Union, get_type_hints

from landline.connection.requests import NOBODY_ASKED, join_number, split_number
from landline.errors import MalformedMessage, MessageRejected, ServiceError, UnfitMessage
from landline.payload import Bytes, Payload
from landline.server.router import Router
from landline.server.service import Service, bound_to, takes_connection

Handle = Callable[[Any, Any], Any]
"""A value and the connection it came on, to its reply or an awaitable of it."""
OnRejection = Callable[[MessageRejected], bytes]


class Answering:
    """How one service answers a message: payload, middleware and handlers, put together once.

    `awaits` says whether a reply is to be awaited. Raises ServiceError or UsageError for what does not fit together.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.awaits = service.awaits
        self.payload = payload_of(service)
        self._handle = _handle(service)
        self._only: Any = service.message_handler
        self._plain = isinstance(self.payload, Bytes) and not service.middlewares and not service.routes.types
        # Where nothing stands between, the handler is called at once: it is what a message costs.
        self._open: dict[type, Callable[[Any], Any]] = {} if service.middlewares else service.routes.open_handlers

    def answer_for(self, connection: Any, on_rejection: OnRejection) -> Callable[[bytes], Any]:
        """The function that turns messages of one connection into replies, or into awaitables of replies.

        It raises MessageRejected for a message that is refused, unless messages are numbered: then the reply says so.
        """
        if self._plain and not self.awaits:
            answer: Callable[[bytes], Any] = bound_to(self._only, connection)
        elif self._plain:
            # Not `bound_to`: a message that was taken is handled, also when the connection broke meanwhile.
            answer = (lambda message: self._handle(message, connection)) if takes_connection(self._only) else self._only
        elif self.awaits:
            answer = self._awaiting(connection)
        else:
            answer = self._at_once(connection)
        if not self._service.numbered:
            return answer
        if self.awaits:
            return _numbered_awaiting(answer, on_rejection)
        return _numbered(answer, on_rejection, connection)

    def _fit(self, message: bytes) -> Any:
        try:
            return self.payload.decode(message)
        except UnfitMessage as unfit:
            raise MessageRejected(unfit.code, unfit.problem) from None

    def _at_once(self, connection: Any) -> Callable[[bytes], bytes | None]:
        if len(self._open) == len(self._service.routes.types) > 0:
            return self._openly()
        decode, encode = self.payload.quick
        fit, unfit_told = self._fit, self.payload.encode
        open_handlers, handle = self._open, self._handle

        def answer(message: bytes) -> bytes | None:
            """The reply to one message, encoded."""
            if connection.ending:
                # A handler that ended the conversation has no say in what followed in the same read.
                return None
            try:
                value = decode(message)
            except Exception:
                # Once more, by the way that names the problem: only what does not fit pays for that.
                value = fit(message)
            handler = open_handlers.get(type(value))
            reply = handle(value, connection) if handler is None else handler(value)
            if reply is None:
                return None
            try:
                return encode(reply)
            except Exception:
                return unfit_told(reply)

        return answer

    def _openly(self) -> Callable[[bytes], bytes | None]:
        """The function for routes that anyone may use and none of which is told the connection: so it is not asked."""
        decode, encode = self.payload.quick
        fit, unfit_told, handlers = self._fit, self.payload.encode, self._open

        def answer(message: bytes) -> bytes | None:
            """The reply to one message, encoded."""
            try:
                value = decode(message)
            except Exception:
                # Once more, by the way that names the problem: only what does not fit pays for that.
                value = fit(message)
            reply = handlers[type(value)](value)
            if reply is None:
                return None
            try:
                return encode(reply)
            except Exception:
                return unfit_told(reply)

        return answer

    def _awaiting(self, connection: Any) -> Callable[[bytes], Awaitable[bytes | None]]:
        handle = self._handle

        async def answer(message: bytes) -> bytes | None:
            reply = await settled(handle(self._fit(message), connection))
            return None if reply is None else self.payload.encode(reply)

        return answer


def payload_of(service: Service) -> Payload:
    """The payload of what a service is sent: its own, for the types of its routes or of its handler's annotation."""
    payload = service.payload
    types = service.routes.types
    if types:
        if not payload.typed:
            raise ServiceError(
                f"{service.name} routes by type, which needs documents: give it payload='json' or 'msgpack'"
            )
        return payload.for_type(Union[types])  # noqa: UP007 - a tuple of any length
    if service.message_handler is not None and payload.typed and str(payload) in ("json", "msgpack"):
        wanted = annotation_of(service.message_handler)
        return payload if wanted is None else payload.for_type(wanted)
    return payload


def annotation_of(handler: Callable[..., Any]) -> Any:
    """The type that a handler says its message has, or None. Raises ServiceError for one that cannot be looked up."""
    try:
        first = next(iter(inspect.signature(handler).parameters.values()))
    except ValueError:
        # A function written in C may not tell.
        return None
    if first.annotation is inspect.Parameter.empty:
        return None
    # The other annotations need not be known at run time: what only a type checker reads is often not imported.
    only_first = SimpleNamespace(__annotations__={"message": first.annotation})
    try:
        return get_type_hints(only_first, _globals_of(handler), include_extras=True)["message"]
    except (NameError, AttributeError) as error:
        raise ServiceError(f"the annotation of {_name(handler)} names something unknown: {error}") from error
    except (SyntaxError, TypeError) as error:
        raise ServiceError(f"the annotation of {_name(handler)} is no type: {error}") from error


def _globals_of(handler: Callable[..., Any]) -> dict[str, Any]:
    """The names that a handler sees, for a function, a method, a `partial` of one, or an object that can be called."""
    while isinstance(handler, partial):
        handler = handler.func
    function = inspect.unwrap(handler)
    found: dict[str, Any] = getattr(function, "__globals__", None) or getattr(
        type(function).__call__, "__globals__", {}
    )
    return found


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__qualname__", repr(handler))


async def settled(reply: Any) -> Any:
    """A reply, awaited if it is to be awaited: a `def` handler may stand behind an `async def` middleware."""
    return await reply if inspect.isawaitable(reply) else reply


def _handle(service: Service) -> Handle:
    handle = _routed(service.routes) if service.routes.types else _only(service.message_handler)
    for middleware in reversed(service.middlewares):
        handle = _wrapped(middleware, _settling(handle) if service.awaits else handle)
    return handle


def _only(handler: Callable[..., Any] | None) -> Handle:
    assert handler is not None
    return handler if takes_connection(handler) else lambda value, _: handler(value)


def _routed(routes: Router) -> Handle:
    def handle(value: Any, connection: Any) -> Any:
        route = routes.find(type(value), connection.grants)
        return route.handler(value, connection) if route.takes_connection else route.handler(value)

    return handle


def _settling(inner: Handle) -> Handle:
    """Where replies are awaited, `call_next` is always awaited, also when it stands for a `def` handler."""
    return lambda value, connection: settled(inner(value, connection))


def _wrapped(middleware: Callable[..., Any], inner: Handle) -> Handle:
    return lambda value, connection: middleware(value, connection, lambda passed: inner(passed, connection))


def _numbered(
    answer: Callable[[bytes], bytes | None], on_rejection: OnRejection, connection: Any
) -> Callable[[bytes], bytes | None]:
    def numbered(message: bytes) -> bytes | None:
        """The answer to a numbered message, with its number."""
        if connection.ending:
            # An empty reply would tell that the message was handled.
            return None
        number, asked = _number_of(message)
        try:
            reply = answer(asked)
        except MessageRejected as rejected:
            if rejected.peer is not None:
                raise
            return join_number(number, on_rejection(rejected))
        # Number 0 asks for nothing: its reply would look like a message that nobody asked for.
        return join_number(number, reply or b"") if number else None

    return numbered


def _numbered_awaiting(
    answer: Callable[[bytes], Awaitable[bytes | None]], on_rejection: OnRejection
) -> Callable[[bytes], Awaitable[bytes | None]]:
    async def numbered(message: bytes) -> bytes | None:
        """The answer to a numbered message, with its number."""
        number, asked = _number_of(message)
        try:
            reply = await answer(asked)
        except MessageRejected as rejected:
            if rejected.peer is not None:
                raise
            return join_number(number, on_rejection(rejected))
        # Number 0 asks for nothing: its reply would look like a message that nobody asked for.
        return join_number(number, reply or b"") if number else None

    return numbered


def _number_of(message: bytes) -> tuple[int, bytes]:
    try:
        return split_number(message)
    except MalformedMessage as error:
        raise MessageRejected("invalid", f"a message begins with its number and a space: {error.problem}") from None


def as_push(service: Service, message: bytes) -> bytes:
    """A message that nobody asked for, as this service sends it."""
    return NOBODY_ASKED + message if service.numbered else message
