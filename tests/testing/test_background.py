"""Services in a background thread: they start, count, fail and stop where the test can see it."""

from __future__ import annotations

import threading

import pytest

from landline.connection import blocking
from landline.connection.blocking import BlockingConnection
from landline.errors import AddressError, ConnectError, ServiceError
from landline.server.service import Service
from landline.testing.background import Background
from tests.services import upper


def test_services_run_until_stop() -> None:
    serve = Background()
    before = threading.active_count()
    first, second = serve(upper()), serve(upper(), "tcp://127.0.0.1:0")
    assert first != second
    assert "landline serve" in [thread.name for thread in threading.enumerate()]
    with blocking.connect(first, timeout_seconds=5) as line:
        assert isinstance(line, BlockingConnection)
        line.send(b"hello")
        assert line.receive() == b"HELLO"
    assert serve.counts().connections == 1
    serve.stop()
    serve.stop()
    assert threading.active_count() == before
    with pytest.raises(ConnectError):
        blocking.connect(second, timeout_seconds=5)


def test_failures_of_handlers_are_kept() -> None:
    service = Service("fails")

    @service.message
    async def fail(message: bytes) -> None:
        raise ArithmeticError("cannot")

    serve = Background()
    try:
        with blocking.connect(serve(service), timeout_seconds=5) as line:
            line.send(b"x")
            assert list(line) == []
    finally:
        serve.stop()
    assert [repr(error) for error in serve.failures] == ["ArithmeticError('cannot')"]


def test_what_cannot_be_served_is_refused_and_leaves_nothing() -> None:
    serve = Background()
    try:
        with pytest.raises(ServiceError, match="empty has no handler"):
            serve(Service("empty"))
        with pytest.raises(AddressError):
            serve(upper(), "nowhere")
    finally:
        serve.stop()
