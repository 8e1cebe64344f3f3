"""The rows of a service: its limits with their sources, and what of it is called."""

from __future__ import annotations

import functools
from dataclasses import fields
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any

import msgspec

from landline.limits import Limits
from landline.server.description import handler_rows, limit_rows, place_of
from landline.server.findings import Machine
from landline.server.service import Service

MACHINE = Machine(descriptor_limit=5000, open_descriptors=10, memory_bytes=2**44)
HERE = Path(__file__).name


class Login(msgspec.Struct, tag=True):
    name: str


class Caller:
    def __call__(self, message: bytes) -> bytes:
        return message


def test_every_limit_has_a_row_with_its_source() -> None:
    service = Service("parrot", limits=Limits(drain_seconds=3.0, linger_seconds=1.0, max_connections_per_peer=5))
    rows = {row.name: row for row in limit_rows(service, MACHINE, {"linger_seconds"})}
    assert list(rows) == [bound.name for bound in fields(Limits)]
    assert (rows["message_seconds"].value, rows["message_seconds"].source) == (30.0, "default")
    assert (rows["drain_seconds"].value, rows["drain_seconds"].source) == (3.0, "service")
    assert (rows["linger_seconds"].value, rows["linger_seconds"].source) == (1.0, "command")
    assert rows["max_message_bytes"].unit == "bytes"
    assert rows["max_message_bytes"].reason.startswith("a message is held in memory until it is whole")


def test_the_limit_of_the_machine_says_where_it_comes_from() -> None:
    (row,) = (row for row in limit_rows(Service("parrot"), MACHINE, ()) if row.source == "machine")
    assert (row.name, row.value) == ("max_connections", 4926)
    assert row.reason.startswith("from the descriptor limit 5000 of this process; ")


def test_what_is_called_in_the_order_in_which_it_is() -> None:
    service = Service("parrot", payload="json")

    @service.shutdown
    def end() -> None: ...

    @service.on(Login, needs=("tls", "address"))
    async def log_in(message: Login) -> None: ...

    @service.middleware
    def watch(message: Any, connection: Any, call_next: Any) -> Any: ...

    @service.startup
    async def begin() -> None: ...

    rows = handler_rows(service)
    assert [(row.kind, row.name.rpartition(".")[2], row.note) for row in rows] == [
        ("startup", "begin", "async"),
        ("middleware", "watch", ""),
        ("route", "log_in", "Login needs address, tls async"),
        ("shutdown", "end", ""),
    ]
    assert {Path(row.file).name for row in rows} == {HERE}
    text = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert text[rows[0].line - 1].strip() == "@service.startup"


def test_a_service_may_hold_conversations_and_answer() -> None:
    service = Service("parrot")
    service.message(bytes.upper)

    @service.connection
    async def converse(connection: Any) -> None: ...

    assert [(row.kind, row.name) for row in handler_rows(service)][0] == ("message", "bytes.upper")
    assert [row.kind for row in handler_rows(service)] == ["message", "connection"]


def test_a_handler_that_blocks_and_a_handler_class() -> None:
    class Handler(BaseRequestHandler):
        pass

    service = Service("parrot")

    @service.blocking
    def converse(connection: Any) -> None: ...

    assert [row.kind for row in handler_rows(service)] == ["blocking"]
    (row,) = handler_rows(Service.from_handler(Handler))
    assert (row.kind, row.name.rpartition(".")[2], Path(row.file).name) == ("handler_class", "Handler", HERE)


def test_a_session() -> None:
    class Talk:
        def __init__(self, connection: Any) -> None: ...

    service = Service("parrot")
    given: Any = Talk
    service.session(given)
    assert [(row.kind, row.name.rpartition(".")[2]) for row in handler_rows(service)] == [("session", "Talk")]


def test_where_a_handler_stands() -> None:
    assert place_of(bytes.upper) == ("", 0)
    partial_of_own: Any = functools.partial(Caller().__call__)
    for handler in (Caller(), Caller, partial_of_own):
        file, line = place_of(handler)
        assert (Path(file).name, line > 0) == (HERE, True)
