"""Counting descriptors, and the one held back."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from landline.transport.descriptors import Reserve, default_max_connections, open_descriptors, soft_limit
from tests.sockets import plain_listener


@pytest.mark.parametrize(
    ("limit", "open_now", "connections"),
    [
        (1024, 10, 1024 - 10 - 64),
        (1_048_576, 20, 1_048_576 - 20 - 64),
        (256, 0, 192),
        (255, 0, 192),
        (40, 12, 21),
        (40, 36, 3),
        (40, 39, 1),
        (40, 40, 1),
        (40, 80, 1),
        (1, 0, 1),
    ],
)
def test_places_are_what_the_limit_leaves_less_a_margin(limit: int, open_now: int, connections: int) -> None:
    assert default_max_connections(limit, open_now) == connections


def test_the_limit_is_the_systems() -> None:
    assert soft_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_open_descriptors_are_counted_exactly() -> None:
    before = open_descriptors()
    with socket.socket(), socket.socket():
        assert open_descriptors() == before + 2
    assert open_descriptors() == before


@contextmanager
def none_left() -> Iterator[None]:
    """Take every descriptor this process may have, under a limit made small."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)


def test_a_reserve_holds_one_descriptor() -> None:
    before = open_descriptors()
    reserve = Reserve()
    assert open_descriptors() == before + 1
    assert reserve.take()
    assert open_descriptors() == before + 1
    reserve.close()
    reserve.close()
    assert open_descriptors() == before


def test_a_call_is_accepted_on_the_reserve_when_nothing_else_is_left() -> None:
    with plain_listener() as listener, socket.create_connection(listener.getsockname()) as caller:
        reserve = Reserve()
        with none_left():
            with pytest.raises(OSError, match="Too many open files"):
                listener.accept()
            accepted = reserve.accept(listener)
            assert accepted is not None
            assert accepted.getpeername() == caller.getsockname()
            assert not reserve.take()
            accepted.close()
            assert reserve.take()
        reserve.close()


def test_nobody_waits() -> None:
    with plain_listener() as listener:
        listener.setblocking(False)
        reserve = Reserve()
        before = open_descriptors()
        assert reserve.accept(listener) is None
        assert open_descriptors() == before
        reserve.close()


def test_a_reserve_that_could_not_be_taken_says_so() -> None:
    with plain_listener() as listener, socket.create_connection(listener.getsockname()):
        with none_left():
            reserve = Reserve()
            assert not reserve.take()
            assert reserve.accept(listener) is None
        assert reserve.take()
        reserve.close()
