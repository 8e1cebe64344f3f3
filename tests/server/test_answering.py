"""From a message to its reply, without a socket."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from landline.errors import LandlineError, MessageRejected, ServiceError, UnfitMessage, UnfitValue, UsageError
from landline.payload.base import told
from landline.server.answering import Answering, annotation_of
from landline.server.service import Service

if TYPE_CHECKING:
    from nowhere import Connection  # type: ignore[import-not-found]


class Login(msgspec.Struct, tag="login"):
    name: str


class Say(msgspec.Struct, tag="say"):
    text: str


class Said(msgspec.Struct, tag="said"):
    text: str


def someone(**fields: Any) -> Any:
    return SimpleNamespace(ending=False, grants=set(), state=SimpleNamespace(), **fields)


def refused(rejected: MessageRejected) -> bytes:
    return " ".join(told(rejected)).encode()


def ask(service: Service, message: bytes, connection: Any = None) -> Any:
    """The reply to a message, or the code and detail of its rejection."""
    answering = Answering(service)
    try:
        reply = answering.answer_for(connection or someone(), refused)(message)
        return asyncio.run(settle(reply)) if answering.awaits else reply
    except MessageRejected as rejected:
        return rejected.code, rejected.detail


async def settle(reply: Any) -> Any:
    return await reply


def routed(payload: str = "json", **options: Any) -> Service:
    service = Service("talk", payload=payload, framing="length:u32be", **options)

    @service.on(Login)
    def login(message: Login, connection: Any) -> Said:
        connection.grants.add("login")
        return Said(f"hello {message.name}")

    @service.on(Say, needs="login")
    def say(message: Say) -> Said | None:
        return Said(message.text) if message.text else None

    return service


def test_routes() -> None:
    service, connection = routed(), someone()
    assert ask(service, b'{"type":"say","text":"hi"}', connection) == ("not_allowed", "Say needs login first")
    assert ask(service, b'{"type":"login","name":"ann"}', connection) == b'{"type":"said","text":"hello ann"}'
    assert ask(service, b'{"type":"say","text":"hi"}', connection) == b'{"type":"said","text":"hi"}'
    assert ask(service, b'{"type":"say","text":""}', connection) is None
    assert ask(service, b'{"type":"shout"}') == ("unknown_type", "there is no such type; known are login, say")
    assert ask(service, b"") == ("invalid", "Input data was truncated")


def test_an_open_route_is_called_with_the_message_alone() -> None:
    service = Service("talk", payload="json")
    service.on(Say)(lambda message: message.text)
    assert ask(service, b'{"type":"say","text":"hi"}') == b'"hi"'


def test_a_connection_that_ends_hears_no_more() -> None:
    connection = someone()
    connection.ending = True
    assert ask(routed(), b"junk", connection) is None
    assert ask(routed(replies="numbered"), b"1 junk", connection) is None


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (b'7 {"type":"login","name":"a"}', b'7 {"type":"said","text":"hello a"}'),
        (b'0 {"type":"login","name":"a"}', None),
        (b"8 junk", b"8 invalid JSON is malformed: invalid character (byte 0)"),
        (b"0 junk", b"0 invalid JSON is malformed: invalid character (byte 0)"),
        (b'9 {"type":"say","text":""}', b"9 not_allowed Say needs login first"),
        (b"9 ", b"9 invalid Input data was truncated"),
        (
            b"junk",
            (
                "invalid",
                "a message begins with its number and a space: no number of at most 18 digits and a space before it",
            ),
        ),
        (b"07 x", ("invalid", "a message begins with its number and a space: its number 07 begins with a zero")),
    ],
)
@pytest.mark.parametrize("awaiting", [False, True])
def test_numbered(message: bytes, reply: Any, awaiting: bool) -> None:
    service = routed(replies="numbered")
    if awaiting:
        service.middleware(passing_awaited)
    assert ask(service, message) == reply


async def passing_awaited(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
    return await call_next(message)


@pytest.mark.parametrize("awaiting", [False, True])
def test_none_is_an_empty_numbered_reply(awaiting: bool) -> None:
    service = Service("silent", replies="numbered")
    if awaiting:
        service.middleware(passing_awaited)
    service.message(lambda message: None)
    assert ask(service, b"5 x") == b"5 "


@pytest.mark.parametrize("payload", ["bytes", "text", "json"])
@pytest.mark.parametrize("numbered", ["in_order", "numbered"])
@pytest.mark.parametrize("awaiting", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        MessageRejected("busy", "a secret", "tcp://elsewhere:1"),
        UnfitMessage("json", "invalid", "a secret"),
        msgspec.ValidationError("a secret"),
        KeyError("a secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_came_from_elsewhere_is_no_rejection(
    payload: str, numbered: Any, awaiting: bool, error: Exception
) -> None:
    service = Service("front", payload=payload, replies=numbered)
    if awaiting:
        service.middleware(passing_awaited)

    @service.message
    def fail(message: Any) -> None:
        raise error

    answering = Answering(service)
    with pytest.raises(type(error)) as caught:
        reply = answering.answer_for(someone(), refused)(b"1 1" if service.numbered else b"1")
        if awaiting:
            asyncio.run(settle(reply))
    assert caught.value is error


@pytest.mark.parametrize("payload", ["bytes", "text", "json"])
def test_a_handler_may_reject(payload: str) -> None:
    service = Service("picky", payload=payload)

    @service.message
    def refuse(message: Any) -> None:
        raise MessageRejected("busy", "come again")

    assert ask(service, b"1") == ("busy", "come again")


def test_a_reply_that_does_not_fit_is_an_error_of_ours() -> None:
    service = Service("wrong", payload="text")
    service.message(lambda message: b"bytes")
    with pytest.raises(UnfitValue):
        ask(service, b"1")


# Middleware.


def tagging(name: str, seen: list[str]) -> Callable[..., Any]:
    def middleware(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
        seen.append(name)
        return call_next(message + name.encode()) + name.encode()

    return middleware


@pytest.mark.parametrize("takes_connection", [False, True])
def test_the_first_middleware_is_the_outermost(takes_connection: bool) -> None:
    service, seen = Service("onion"), list[str]()
    service.message(
        (lambda message, connection: message + b"|") if takes_connection else lambda message: message + b"|"
    )
    service.middleware(tagging("a", seen))
    service.middleware(tagging("b", seen))
    assert ask(service, b"1") == b"1ab|ba"
    assert seen == ["a", "b"]


def short_cut(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
    return b"short" if message == b"1" else call_next(message)


async def refusing(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
    raise MessageRejected("no", "never")


async def upper(message: bytes) -> bytes:
    return message.upper()


@pytest.mark.parametrize(
    ("handler", "middlewares", "reply"),
    [
        (bytes.upper, [short_cut], b"short"),
        (upper, [short_cut], b"short"),
        (bytes.upper, [passing_awaited, short_cut], b"short"),
        (upper, [passing_awaited, passing_awaited], b"1"),
        (bytes.upper, [passing_awaited], b"1"),
        (bytes.upper, [refusing], ("no", "never")),
        (upper, [passing_awaited, refusing], ("no", "never")),
    ],
)
def test_mixtures_of_def_and_async_def(handler: Any, middlewares: list[Any], reply: Any) -> None:
    service = Service("mixed")
    service.message(handler)
    for middleware in middlewares:
        service.middleware(middleware)
    assert ask(service, b"1") == reply


def test_a_middleware_round_routes_may_change_message_and_reply() -> None:
    service, connection = routed(), someone()

    @service.middleware
    def grant(message: Any, connection: Any, call_next: Callable[[Any], Any]) -> Any:
        connection.grants.add("login")
        reply = call_next(Say(message.name) if isinstance(message, Login) else message)
        return Said(reply.text + "!")

    assert ask(service, b'{"type":"login","name":"ann"}', connection) == b'{"type":"said","text":"ann!"}'


def test_a_middleware_that_makes_a_type_without_handler() -> None:
    service = routed()
    service.middleware(lambda message, connection, call_next: call_next(Said("x")))
    with pytest.raises(ServiceError, match="there is no handler for Said"):
        ask(service, b'{"type":"login","name":"ann"}')


# Annotations.


class Handler:
    def answer(self, message: Login) -> None:
        """A method."""

    def __call__(self, message: Say) -> None:
        """An object."""


def bare(message):  # type: ignore[no-untyped-def]
    """Says nothing of its message."""


def of_positive(message: Annotated[int, msgspec.Meta(gt=0)]) -> int:
    return message


def with_a_stranger(message: Login, connection: Connection) -> None:
    """Its second annotation is known to type checkers alone."""


def of_nothing(message: Nowhere) -> None:  # type: ignore[name-defined] # noqa: F821
    """Its annotation is nowhere."""


def two_in_one(greeting: str, message: Login) -> None:
    """Half given by `partial`."""


@functools.wraps(of_positive)
def wrapped(*args: Any) -> int:
    return of_positive(*args)


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (bare, None),
        (Handler().answer, Login),
        (Handler(), Say),
        (with_a_stranger, Login),
        (functools.partial(two_in_one, "hi"), Login),
        (wrapped, Annotated[int, msgspec.Meta(gt=0)]),
        (bytes.upper, None),
        (lambda message: message, None),
    ],
)
def test_annotations(handler: Any, kind: Any) -> None:
    assert annotation_of(handler) == kind


def test_the_annotation_is_the_schema() -> None:
    """What msgspec.Meta says was not looked at."""
    service = Service("positive", payload="json")
    service.message(of_positive)
    assert ask(service, b"5") == b"5"
    assert ask(service, b"-5") == ("invalid", "Expected `int` >= 1")
    plain = Service("any", payload="json")
    plain.message(lambda message: message)
    assert ask(plain, b'{"a":1}') == b'{"a":1}'


def declared(*kinds: type, payload: str = "json", **options: Any) -> Service:
    service = Service("talk", payload=payload, **options)
    for kind in kinds:
        service.on(kind)(lambda message: None)
    return service


class Twin(msgspec.Struct, tag="say"):
    text: str


def unknown_annotation() -> Service:
    service = Service("talk", payload="json")
    service.message(of_nothing)
    return service


@pytest.mark.parametrize(
    ("service", "kind", "sentence"),
    [
        (
            declared(Say, payload="text"),
            ServiceError,
            "talk routes by type, which needs documents: give it payload='json' or 'msgpack'",
        ),
        (declared(Say, Twin), UsageError, "json documents cannot be of Say | Twin: "),
        (
            unknown_annotation(),
            ServiceError,
            "the annotation of of_nothing names something unknown: name 'Nowhere' is not defined",
        ),
    ],
)
def test_what_does_not_fit_together(service: Service, kind: type[LandlineError], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        Answering(service)
    assert str(caught.value).startswith(sentence)


def test_a_kind_without_a_tag() -> None:
    with pytest.raises(ServiceError) as caught:
        declared(int)
    assert str(caught.value) == "int has no tag to route by: declare it as `class int(msgspec.Struct, tag=True)`"
    with pytest.raises(ServiceError) as caught:
        Service("talk", payload="json").on(Say)(lambda: None)
    assert str(caught.value) == "the handler of Say must take (message) or (message, connection)"
