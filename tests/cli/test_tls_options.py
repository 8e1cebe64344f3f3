"""The options about TLS: what they make, what cannot be, and the sentences and exit codes of a call."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from landline.address import parse
from landline.cli.serve import bindings_for, how_to_call, in_the_clear, with_tls
from landline.cli.tls_options import CallerOptions, server_tls
from landline.errors import UsageError
from landline.server.engine import Listening
from landline.transport.tls import ServerTls
from tests.certs import Files, expired, leaf
from tests.cli.conftest import Command, serving
from tests.services import upper

WRONG = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("options", "address", "is_tls"),
    [
        ({}, "tcp://a:1", False),
        ({}, "tls://a:1", True),
        ({"tls": True}, "tcp://a:1", True),
        ({"pin": WRONG}, "unix://@a", True),
        ({"insecure": True}, "tcp://a:1", True),
        ({"server_name": "b"}, "tcp://a:1", True),
    ],
)
def test_when_a_call_is_tls(options: dict[str, Any], address: str, is_tls: bool) -> None:
    assert (CallerOptions(**options).for_call(parse(address)) is not None) == is_tls


def test_the_pin_of_the_address_counts() -> None:
    tls = CallerOptions(server_name="b").for_call(parse(f"tls://a:1?pin={WRONG}"))
    assert tls is not None and (tls.pin, tls.server_name) == (WRONG, "b")


def test_listening(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server()
    assert CallerOptions().for_listening(parse("tcp://a:1")) is None
    assert CallerOptions(certificate=certificate, key=key).for_listening(parse("tcp://a:1")) is not None
    for options in (CallerOptions(tls=True), CallerOptions(ca="x")):
        with pytest.raises(UsageError, match="to listen with TLS takes a certificate"):
            options.for_listening(parse("tcp://a:1"))
    with pytest.raises(UsageError, match="to listen with TLS takes a certificate"):
        CallerOptions().for_listening(parse("tls://a:1"))
    with pytest.raises(UsageError, match="are for calls; leave them out"):
        CallerOptions(insecure=True).for_listening(parse("tls://a:1"))


def test_serving_options(tmp_path: Path) -> None:
    one, other = Files(tmp_path).server(), Files(tmp_path).write("b", leaf(("b.example",)))
    assert server_tls(False, (), (), None) is None
    both = server_tls(True, (one[0], other[0]), (one[1], other[1]), None)
    assert both is not None and [len(said.dns_names) for said in both.certificates] == [1, 1]
    together = tmp_path / "together.pem"
    together.write_bytes(leaf().certificate + leaf().key)
    assert server_tls(False, (str(together),), (), None) is not None
    with pytest.raises(UsageError, match="to serve with TLS takes a certificate"):
        server_tls(True, (), (), None)
    with pytest.raises(UsageError, match="2 certificates and 1 keys were given; give a key to each certificate"):
        server_tls(False, (one[0], other[0]), (one[1],), None)


def test_datagrams_in_the_clear_are_told_or_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    usual = with_tls(bindings_for("echo", (), None, {}), tls)
    assert in_the_clear(usual, False, chosen=False) == usual
    told = "datagrams have no TLS: what goes to udp://127.0.0.1:8106 is in the clear; --tls leaves it out"
    assert caplog.messages == [told]
    assert in_the_clear(usual, True, chosen=False) == usual[:1]
    assert in_the_clear(usual[:1], True, chosen=True) == usual[:1]
    with pytest.raises(UsageError) as caught:
        in_the_clear(usual, True, chosen=True)
    assert str(caught.value) == (
        "datagrams have no TLS, and --tls asks for it everywhere; leave out udp://127.0.0.1:8106, or --tls"
    )
    assert caplog.messages == [told]


def test_a_file_that_may_not_be_read(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was refused by the parser of options, in other words than those of the library."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    ended = command("call", "tls://127.0.0.1:9", "hello", "--ca", "/")
    assert (ended.code, ended.sentence) == (2, "certificate file /: is a directory")


def test_the_exchange_keeps_its_datagrams_plain(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    bindings = with_tls(bindings_for("echo", (), None, {}), tls)
    assert [service.tls for service, _ in bindings] == [tls, None]
    listening = Listening(bindings[0][0], parse("tls://127.0.0.1:8443"))
    assert how_to_call(listening).endswith(f" call 127.0.0.1:8443 --tls --pin {tls.pin}")


def test_a_wrong_peer_is_one_sentence_and_five(command: Command, tmp_path: Path) -> None:
    files = Files(tmp_path)
    tls = ServerTls(*files.server())
    wrong_pin = f"its certificate has the pin {tls.pin}, not {WRONG}; ask its owner which one is right"
    with serving(upper().with_options(tls=tls), "tls://127.0.0.1:0") as (address,):
        for options, problem in (
            (("--pin", WRONG), wrong_pin),
            (("--ca", files.ca(1)), "its certificate is signed by nobody we trust; give its CA, or its pin"),
            (
                ("--ca", files.ca(), "--server-name", "b.example"),
                "its certificate is for localhost, 127.0.0.1, ::1 and not for b.example; "
                "call it by a name that its certificate has, or give server_name",
            ),
        ):
            ended = command("call", str(address), "hello", *options)
            assert (ended.code, ended.sentence) == (5, f"cannot connect to {address}: {problem}")


def test_an_expired_certificate(command: Command, tmp_path: Path) -> None:
    files = Files(tmp_path)
    tls = ServerTls(*files.write("old", expired()))
    with serving(upper().with_options(tls=tls), "tls://127.0.0.1:0") as (address,):
        ended = command("call", str(address), "hello", "--ca", files.ca())
        assert ended.code == 5
        assert re.search(
            r"its certificate expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC; it must be renewed", ended.sentence
        )


def test_insecure_says_so_on_every_run(command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    with serving(upper().with_options(tls=tls), "tls://127.0.0.1:0") as (address,):
        for _ in range(2):
            caplog.clear()
            ended = command("call", str(address), "hello", "--insecure")
            assert (ended.code, ended.out) == (0, b"HELLO\n")
            (said,) = [record for record in caplog.records if record.name == "landline.tls"]
            assert said.levelno == logging.WARNING


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--ca", "nowhere.pem"), "certificate file nowhere.pem: there is no such file"),
        (("--pin", "abc"), f"the pin of 'abc' is not sha256: and 64 hex digits; write for example sha256:"
         f"{'0123456789abcdef' * 4}"),
        (("--key", "k.pem"), "a key was given without its certificate; give the certificate too"),
        (("--insecure", "--pin", WRONG), "insecure checks nothing, so it cannot stand beside a ca or a pin; "
         "leave one of them out"),
    ],
)  # fmt: skip
def test_options_that_cannot_be(command: Command, options: tuple[str, ...], sentence: str) -> None:
    ended = command("call", "tls://127.0.0.1:9", "hello", *options)
    assert (ended.code, ended.sentence) == (2, sentence)
