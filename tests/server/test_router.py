"""Which handler answers which type, and what a connection must have been granted."""

from __future__ import annotations

from typing import Any

import pytest

from landline.errors import MessageRejected, ServiceError
from landline.server.router import Route, Router


class Login:
    """A type of message."""


class Say:
    """Another one."""


def on_login(message: Any) -> None:
    """Handle a login."""


def on_say(message: Any, connection: Any) -> None:
    """Handle a word."""


LOGIN = Route(on_login, frozenset(), takes_connection=False, awaits=False)
SAY = Route(on_say, frozenset({"voice", "login"}), takes_connection=True, awaits=True)


def both() -> Router:
    router = Router()
    router.add(Login, LOGIN)
    router.add(Say, SAY)
    return router


def test_types_keep_their_order() -> None:
    assert (Router().types, both().types) == ((), (Login, Say))


def test_awaiting() -> None:
    router = Router()
    router.add(Login, LOGIN)
    assert (Router().awaits, router.awaits, both().awaits) == (False, False, True)


def test_open_handlers_are_those_that_need_nothing() -> None:
    assert both().open_handlers == {Login: on_login}
    router = Router()
    router.add(Login, Route(on_login, frozenset({"login"}), takes_connection=False, awaits=False))
    router.add(Say, Route(on_say, frozenset(), takes_connection=True, awaits=False))
    assert router.open_handlers == {}


@pytest.mark.parametrize("granted", [{"login", "voice"}, ["voice", "other", "login"]])
def test_what_was_granted_opens_a_route(granted: Any) -> None:
    assert both().find(Say, granted) is SAY
    assert both().find(Login, granted) is LOGIN


@pytest.mark.parametrize(
    ("granted", "detail"),
    [
        ((), "Say needs login and voice first"),
        ({"login"}, "Say needs voice first"),
        (["voice"], "Say needs login first"),
    ],
)
def test_a_missing_grant_is_named(granted: Any, detail: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        both().find(Say, granted)
    assert (caught.value.code, caught.value.detail, caught.value.peer) == ("not_allowed", detail, None)


def test_a_type_has_one_route() -> None:
    router = both()
    with pytest.raises(ServiceError) as caught:
        router.add(Login, SAY)
    assert str(caught.value) == "Login has a handler already: on_login"
    assert router.find(Login, ()) is LOGIN


def test_a_type_without_a_route() -> None:
    with pytest.raises(ServiceError) as caught:
        both().find(int, ())
    assert str(caught.value) == "there is no handler for int: declare one with @service.on(int)"
