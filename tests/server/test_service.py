"""What to do with a message, declared apart from where it runs."""

from __future__ import annotations

from typing import Any

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import FramingSpecError, ServiceError
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
    other.message(of_both)
    assert service.message_handler is of_both, "the handlers are those of one service, whatever the options"


@pytest.mark.parametrize(
    ("message", "connection", "datagram", "sentence"),
    [
        (None, None, False, "parrot has no handler: declare one with @service.message or @service.connection"),
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
