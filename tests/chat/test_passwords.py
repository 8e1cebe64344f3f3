"""Passwords are kept as scrypt has them, and checked without holding anybody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from landline.chat import passwords
from landline.chat.passwords import Passwords, is_right, secret_of


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cost that a test can pay often; the real one is looked at alone."""
    assert (passwords.COST, passwords.BLOCKS, passwords.LANES) == (2**14, 8, 5)
    monkeypatch.setattr(passwords, "COST", 2)
    yield


@pytest.mark.parametrize("password", ["correct horse", "", "p\u00e4ss w\u00f6rd \U0001f511", "\ud800", "x" * 256])
def test_a_secret_is_right_for_its_password_alone(password: str) -> None:
    secret = secret_of(password)
    kind, *cost, salt, hashed = secret.split("$")
    assert (kind, cost, len(salt), len(hashed)) == ("scrypt", ["2", "8", "5"], 32, 64)
    assert password not in secret or not password
    assert is_right(password, secret)
    assert not is_right(password + "x", secret)
    assert secret_of(password) != secret


def test_the_cost_stands_in_the_secret_so_that_it_may_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    old = secret_of("tea")
    monkeypatch.setattr(passwords, "COST", 4)
    assert is_right("tea", old)
    assert secret_of("tea").startswith("scrypt$4$")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "scrypt",
        "bcrypt$2$8$5$00$00",
        "scrypt$2$8$5$zz$00",
        "scrypt$x$8$5$00$00",
        "scrypt$3$8$5$00$00",
        "a$b$c$d$e$f$g",
    ],
)
def test_a_secret_of_another_kind_is_right_for_nothing(secret: str) -> None:
    assert not is_right("", secret)


def test_results_come_on_a_thread_of_their_own() -> None:
    keeper = Passwords()
    results: SimpleQueue[tuple[object, str]] = SimpleQueue()
    keeper.hash("tea", lambda secret: results.put((secret, threading.current_thread().name)))
    secret, thread = results.get(timeout=10)
    assert isinstance(secret, str) and thread.startswith("landline chat passwords")
    for password, expected in (("tea", True), ("coffee", False)):
        keeper.check(password, secret, lambda right: results.put((right, "")))
        assert results.get(timeout=10)[0] is expected
    keeper.close()
