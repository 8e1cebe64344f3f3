"""Certificates that are renewed, break and expire while services run."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.server.engine import Server
from landline.server.renewal import LOOK_SECONDS, Renewal
from landline.server.report import Counts
from landline.testing import run_virtual
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, expired, leaf
from tests.loops import on_both_loops
from tests.server.conftest import Journal, serving, upper_service


@on_both_loops
async def test_a_reload_while_connections_live(tmp_path: Path, journal: Journal) -> None:
    files = Files(tmp_path)
    tls = ServerTls(*files.write("one", leaf()))
    old_pin = tls.pin
    async with serving(upper_service().with_options(tls=tls), "tls://127.0.0.1:0") as server:
        before = await call(server, old_pin)
        files.write("one", leaf(("new.example",)))
        server.renewal.reload()
        assert tls.pin != old_pin
        after = await call(server, tls.pin)
        for connection in (before, after):
            await connection.send(b"hello")
            assert await connection.receive() == b"HELLO"
            await connection.close()
    assert f"{tmp_path}/one.pem: the certificate was loaded anew" in journal.lines()


async def call(server: Server, pin: str) -> StreamConnection:
    """A call to the only address of a server."""
    connection = await connect(server.listening[0].address, tls=ClientTls(pin=pin))
    assert isinstance(connection, StreamConnection)
    return connection


def test_files_are_looked_at(tmp_path: Path, journal: Journal) -> None:
    """A broken one is told of once, not at every look, and the old one stays."""

    async def scenario() -> None:
        files = Files(tmp_path)
        tls = ServerTls(*files.write("one", leaf()))
        pin, context = tls.pin, tls.context
        renewal = Renewal([tls, None, tls])
        renewal.start()
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert tls.context is context
        (tmp_path / "one.key").write_bytes(b"rubbish")
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert (tls.pin, tls.context) == (pin, context)
        os.unlink(tmp_path / "one.key")
        await asyncio.sleep(3 * LOOK_SECONDS)
        files.write("one", leaf(("new.example",)))
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert tls.pin != pin
        renewal.stop()

    run_virtual(scenario())
    said = [line.replace(str(tmp_path), "…") for line in journal.lines()]
    assert said == [
        "…/one.pem: the certificate expires in 30 days",
        "the old certificate stays in use: certificate file …/one.key: it holds no key",
        "the old certificate stays in use: certificate file …/one.key: there is no such file",
        "…/one.pem: the certificate was loaded anew",
        "…/one.pem: the certificate expires in 30 days",
    ]


def test_an_expiry_is_told_of_at_the_start(tmp_path: Path, journal: Journal) -> None:
    async def scenario() -> None:
        for name, pair in (("soon", leaf(days=3)), ("over", expired())):
            renewal = Renewal([ServerTls(*Files(tmp_path).write(name, pair))])
            renewal.start()
            renewal.stop()

    asyncio.run(scenario())
    assert [(record.levelno, record.getMessage().rpartition("/")[2]) for record in journal.records] == [
        (logging.WARNING, "soon.pem: the certificate expires in 3.0 days; renew it"),
        (logging.ERROR, "over.pem: the certificate has expired 10 days ago; callers refuse it"),
    ]


def test_without_tls_there_is_nothing_to_reload(journal: Journal) -> None:
    renewal = Renewal([None])
    renewal.reload()
    assert journal.lines() == ["there is nothing to reload: no service uses TLS"]
    assert renewal.days_left() is None


def test_days_to_expiry_are_in_the_report(tmp_path: Path) -> None:
    files = Files(tmp_path)
    renewal = Renewal([ServerTls(*files.server()), ServerTls(*files.write("soon", leaf(days=3)))])
    days = renewal.days_left()
    assert days is not None and 2.9 < days < 3
    assert str(Counts(certificate_days_left=days)).endswith("certificate expires in 3 days")
    assert str(Counts(certificate_days_left=-1)).endswith("certificate expired")
    assert "certificate" not in str(Counts())
