"""What to do with a message, declared apart from where it runs."""

from __future__ import annotations

from socketserver import BaseRequestHandler
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from landline.connection.stream import StreamConnection
from landline.errors import FramingSpecError, ServiceError, UsageError
from landline.framing import Lines
from landline.limits import Limits
from landline.server.service import Service, takes_connection

MESSAGE_SENTENCE = "the message handler of parrot must take (message) or (message, connection)"
CONNECTION_SENTENCE = "the connection handler of parrot must be `async def` and take (connection)"


def of_message(message: bytes) -> bytes:
    return message


async def of_message_awaiting(message: bytes) -> bytes:
    return message


def of_both(message: bytes, connection: StreamConnection) -> bytes:
    return message


def with_default(message: bytes, times: int = 2) -> bytes:
    return message * times


def by_position(message: bytes, /) -> bytes:
    return message


class Login(msgspec.Struct, tag=True):
    name: str


class Parrot:
    def of_message(self, message: bytes) -> bytes:
        return message

    def of_both(self, message: bytes, connection: StreamConnection) -> bytes:
        return message

    async def converse(self, connection: StreamConnection) -> None:
        """Say nothing."""


async def converse(connection: StreamConnection) -> None:
    """Say nothing."""


@pytest.mark.parametrize(
    ("handler", "two"),
    [
        (of_message, False),
        (of_message_awaiting, False),
        (of_both, True),
        (with_default, False),
        (by_position, False),
        (bytes.upper, False),
        (Parrot().of_message, False),
        (Parrot().of_both, True),
        (lambda message: message, False),
        (lambda message, connection: message, True),
    ],
)
def test_message_handlers(handler: Any, two: bool) -> None:
    service = Service("parrot")
    assert service.message(handler) is handler
    assert service.message_handler is handler
    given: Any = handler
    assert takes_connection(given) is two


@pytest.mark.parametrize(
    "handler",
    [lambda: b"", lambda one, two, three: b"", lambda *messages: b"", lambda *, message: b"", Parrot.of_both],
)
def test_message_handlers_that_are_refused(handler: Any) -> None:
    service = Service("parrot")
    with pytest.raises(ServiceError) as caught:
        service.message(handler)
    assert str(caught.value) == MESSAGE_SENTENCE
    assert service.message_handler is None


@pytest.mark.parametrize("handler", [converse, Parrot().converse])
def test_connection_handlers(handler: Any) -> None:
    service = Service("parrot")
    assert service.connection(handler) is handler
    assert service.connection_handler is handler


async def without_connection() -> None:
    """Has nobody to talk to."""


@pytest.mark.parametrize("handler", [of_message, of_both, without_connection, Parrot.converse, lambda connection: None])
def test_connection_handlers_that_are_refused(handler: Any) -> None:
    service = Service("parrot")
    with pytest.raises(ServiceError) as caught:
        service.connection(handler)
    assert str(caught.value) == CONNECTION_SENTENCE
    assert service.connection_handler is None


def test_defaults() -> None:
    service = Service("parrot")
    assert (str(service.framing), service.limits) == ("lines", Limits())
    assert repr(service) == "<Service parrot, lines, bytes>"


def test_a_framing_is_a_spec_or_a_framing() -> None:
    assert repr(Service("parrot", framing="length:u32be")) == "<Service parrot, length:u32be, bytes>"
    framing = Lines()
    assert Service("parrot", framing=framing).framing is framing


def test_a_framing_that_does_not_fit_the_limits_is_refused_at_once() -> None:
    with pytest.raises(FramingSpecError, match="'fixed:100'"):
        Service("parrot", framing="fixed:100", limits=Limits(max_message_bytes=99))
    service = Service("parrot", framing="fixed:100")
    with pytest.raises(FramingSpecError, match="'fixed:100'"):
        service.with_options(limits=Limits(max_message_bytes=99))


def test_a_copy_with_options_leaves_the_original_alone() -> None:
    service = Service("parrot", limits=Limits(drain_seconds=1.0))
    service.message(of_message)
    service.connection(converse)
    other = service.with_options("netstring")
    assert (str(other.framing), other.limits) == ("netstring", service.limits)
    assert (other.message_handler, other.connection_handler) == (of_message, converse)
    shorter = service.with_options(limits=Limits(drain_seconds=2.0))
    assert (str(shorter.framing), shorter.limits.drain_seconds) == ("lines", 2.0)
    assert (str(service.framing), service.limits.drain_seconds) == ("lines", 1.0)
    other.middleware(lambda message, connection, call_next: call_next(message))
    assert service.middlewares == other.middlewares != [], "the handlers are of one service, whatever the options"


@pytest.mark.parametrize(
    ("message", "connection", "datagram", "sentence"),
    [
        (
            None,
            None,
            False,
            "parrot has no handler: "
            "declare one with @service.message, @service.connection, @service.blocking or @service.session",
        ),
        (
            None,
            None,
            True,
            "parrot cannot answer datagrams: it has no handler declared with @service.message",
        ),
        (
            None,
            converse,
            True,
            "parrot cannot answer datagrams: it has no handler declared with @service.message",
        ),
        (None, converse, False, ""),
        (of_message, None, False, ""),
        (of_message, None, True, ""),
        (of_message, converse, True, ""),
    ],
)
def test_check(message: Any, connection: Any, datagram: bool, sentence: str) -> None:
    service = Service("parrot")
    service.declared.message_handler, service.declared.connection_handler = message, connection
    if not sentence:
        service.check(datagram)
        return
    with pytest.raises(ServiceError) as caught:
        service.check(datagram)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"payload": "msgpack"}, "talk: msgpack may hold line ends; give it another framing, such as length:u32be"),
        (
            {"framing": "raw", "replies": "numbered"},
            "talk: raw bytes have no messages to number; give it another framing, such as lines",
        ),
        (
            {"payload": "xml"},
            "there is no payload 'xml'; it is one of: bytes, text, json, msgpack, or a msgspec.Struct class",
        ),
        ({"replies": "late"}, "replies cannot be 'late'; it must be 'in_order' or 'numbered'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Service("talk", **options)
    assert str(caught.value) == sentence


def test_a_variant_shares_the_handlers_and_keeps_what_it_is_not_told() -> None:
    service = Service("talk", payload="json", replies="numbered", state=dict, switchable=True)
    variant = service.with_options("netstring", Limits(max_message_bytes=10), payload="text", replies="in_order")
    assert (str(variant.framing), str(variant.payload), variant.limits.max_message_bytes) == ("netstring", "text", 10)
    assert (variant.numbered, variant.state, variant.switchable) == (False, dict, True)
    variant.message(of_message)
    assert service.message_handler is of_message
    same = service.with_options()
    assert (same.payload, same.numbered, same.framing) == (service.payload, True, service.framing)


@pytest.mark.parametrize("handler", [of_message, lambda message, connection: None, lambda: None])
def test_middleware_takes_three(handler: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        Service("parrot").middleware(handler)
    assert str(caught.value) == "a middleware of parrot must take (message, connection, call_next)"


class Word(msgspec.Struct, tag="word"):
    text: str


@pytest.mark.parametrize(
    ("handlers", "options", "sentence"),
    [
        ({"message", "on"}, {}, "parrot has handlers by type and one for all messages: declare one kind of them"),
        (
            {"message", "connection"},
            {"replies": "numbered"},
            "parrot holds conversations, which are not numbered: leave replies='numbered' out",
        ),
    ],
)
def test_handlers_that_exclude_each_other(handlers: set[str], options: dict[str, Any], sentence: str) -> None:
    service = Service("parrot", payload="json", **options)
    if "message" in handlers:
        service.message(of_message)
    if "on" in handlers:
        service.on(Word)(of_message)
    if "connection" in handlers:
        service.connection(converse)
    with pytest.raises(ServiceError) as caught:
        service.check(datagram=False)
    assert str(caught.value) == sentence


def blocking(connection: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": 3}, "the name of a service cannot be 3; it must be a text, for example Service('echo')"),
        ({"name": ""}, "the name of a service cannot be ''; it must be a text, for example Service('echo')"),
        ({"state": 3}, "state of parrot cannot be 3; it must be a class or a function without arguments"),
        ({"state": blocking},
         f"state of parrot cannot be {blocking!r}; it must be a class or a function without arguments"),
        ({"tls": "a.pem"},
         "tls of parrot cannot be 'a.pem'; it must be a ServerTls, for example ServerTls('cert.pem')"),
        ({"limits": {}}, "limits cannot be {}; it must be a Limits, for example Limits(max_message_bytes=1000)"),
        ({"framing": 3}, "framing '3': it is int, and must be a text such as lines, or a Framing"),
        ({"framing": ""},
         "framing '': there is no such framing; it is one of: lines, lines:crlf, delimited:HEX, "
         "length:FIELD[,offset=N][,adjustment=N][,header=included], varint, netstring, fixed:N, slip, cobs, raw"),
    ],
)  # fmt: skip
def test_arguments_of_the_wrong_kind(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Service(**{"name": "parrot", **options})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("state", [dict, list, SimpleNamespace, lambda: 3, None])
def test_what_state_may_be(state: Any) -> None:
    assert Service("parrot", state=state).state is state


@pytest.mark.parametrize("handler", [3, None, lambda message, *, wish: message])
def test_what_cannot_be_called_is_no_handler(handler: Any) -> None:
    service = Service("parrot", payload="json")
    for declare in (
        service.message, service.on(Login), service.connection, service.blocking, service.middleware, service.startup
    ):  # fmt: skip
        with pytest.raises(ServiceError):
            declare(handler)


@pytest.mark.parametrize(
    ("kind", "needs", "sentence"),
    [
        (3, (), "@parrot.on takes a msgspec.Struct class, and not 3"),
        ("Login", (), "@parrot.on takes a msgspec.Struct class, and not 'Login'"),
        (Login, 3, "needs of Login cannot be 3; it must be a text, or a list of texts"),
        (Login, ["login", 3], "needs of Login cannot be ['login', 3]; it must be a text, or a list of texts"),
    ],
)
def test_routes_that_cannot_be(kind: Any, needs: Any, sentence: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Service("parrot", payload="json").on(kind, needs=needs)
    assert str(caught.value) == sentence


class Classic(BaseRequestHandler):
    """Does nothing."""


def test_what_would_do_nothing_in_threads_is_refused() -> None:
    parrot = Service("parrot")
    parrot.blocking(blocking)
    switchable = Service("parrot", switchable=True)
    switchable.blocking(blocking)
    classic = Service.from_handler(Classic)
    for service, sentence in [
        (switchable, "parrot blocks in threads, where no framing can be switched: leave switchable out"),
        (classic.with_options("lines"),
         "Classic is a socketserver class, which reads its bytes itself: leave framing lines out"),
    ]:  # fmt: skip
        with pytest.raises(ServiceError) as caught:
            service.check(datagram=False)
        assert str(caught.value) == sentence


def test_middleware_that_nothing_passes_is_refused() -> None:
    service = Service("parrot")
    service.connection(converse)
    service.middleware(lambda message, connection, call_next: call_next(message))
    with pytest.raises(ServiceError) as caught:
        service.check(datagram=False)
    assert str(caught.value) == (
        "parrot has middleware and only conversations, which do not pass through it: "
        "let it stand round a message handler, or leave it out"
    )
    service.message(of_message)
    service.check(datagram=False)
    service.check(datagram=True)


def test_a_broadcast_does_not_reach_threads() -> None:
    service = Service("parrot")
    service.blocking(blocking)
    with pytest.raises(UsageError) as caught:
        service.broadcast([b"news"])
    assert str(caught.value) == (
        "parrot holds its conversations in threads, which a broadcast does not reach: let each send"
    )


@pytest.mark.parametrize(
    ("kind", "handler"), [("message", of_message), ("connection", converse), ("blocking", blocking)]
)
def test_a_second_handler_of_a_kind_is_refused(kind: str, handler: Any) -> None:
    """The first one would be forgotten without a word."""
    service = Service("parrot")
    getattr(service, kind)(handler)
    with pytest.raises(ServiceError) as caught:
        getattr(service.with_options("netstring"), kind)(handler)
    name = handler.__qualname__
    assert str(caught.value) == f"parrot has a {kind} handler already: {name}; a service has one of each kind"
