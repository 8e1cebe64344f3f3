"""`landline check`: the report without a terminal, and what cannot be checked."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from landline.cli.check import lines_of, pairs_of, this_machine
from landline.cli.exits import Exit
from landline.cli.serve import own_pairs
from landline.errors import ServiceError
from landline.limits import Limits
from landline.server.engine import Server
from tests.certs import Files
from tests.cli.conftest import Command

MODULE = """
from landline import Limits, Server, Service

parrot = Service("parrot", framing="netstring", limits=Limits(max_message_bytes=4096, max_connections=100,
                 max_connections_per_peer=10))
idle = Service("idle")

@parrot.message
def repeat(message):
    return message

pairs = [(parrot, "127.0.0.1:8101"), (parrot, "unix://@parrot")]
server = Server(pairs)
clash = [(parrot, "127.0.0.1:8101"), (parrot.with_options("lines"), "127.0.0.1:8101")]
unreadable = [(parrot, "127.0.0.1")]
odd = [parrot]

import socketserver
class Handler(socketserver.DatagramRequestHandler):
    pass
empty = []
"""


@pytest.fixture(autouse=True)
def modules(working_folder: Path) -> None:
    """Modules to check, in the working folder."""
    (working_folder / "birds.py").write_text(MODULE)
    (working_folder / "broken.py").write_text("1 / 0\n")


def report(command: Command, *arguments: str, code: Exit = Exit.DONE) -> list[str]:
    """The lines of a report."""
    ended = command("check", *arguments)
    assert (ended.code, ended.err) == (code, "")
    return ended.out.decode().splitlines()


def test_a_service_is_told_line_by_line(command: Command) -> None:
    lines = report(command, "birds:parrot", "127.0.0.1:8101")
    limits = [line for line in lines if line.startswith("limit ")]
    assert [line for line in lines if line not in limits] == [
        "service   parrot",
        "address   tcp://127.0.0.1:8101",
        "framing   netstring",
        "payload   bytes",
        "replies   in_order",
        "handler   message        repeat  birds.py:8",
    ]
    assert [line.split()[1] for line in limits] == [bound.name for bound in fields(Limits)]


def test_columns_of_a_limit_can_be_cut_out(command: Command) -> None:
    lines = report(command, "birds:parrot", "--limit", "drain_seconds=3")
    rows = {line.split()[1]: line.split(maxsplit=5)[2:5] for line in lines if line.startswith("limit ")}
    assert rows["max_message_bytes"] == ["4096", "bytes", "service"]
    assert rows["message_seconds"] == ["30.0", "seconds", "default"]
    assert rows["drain_seconds"] == ["3.0", "seconds", "command"]
    assert "address   none given" in lines


def test_the_limit_of_the_machine(command: Command) -> None:
    (line,) = (line for line in report(command, "echo") if line.startswith("limit     max_connections "))
    _, _, value, unit, source, reason = line.split(maxsplit=5)
    assert (unit, source) == ("connections", "machine")
    assert 0 < int(value) < this_machine().descriptor_limit
    assert reason.startswith(f"from the descriptor limit {this_machine().descriptor_limit} of this process; ")


def test_options_of_the_command_count(command: Command) -> None:
    lines = report(command, "birds:parrot", "--framing", "length:u8", "-v")
    assert "framing   length:u8" in lines
    assert lines[-1] == (
        "warning   framing length:u8 carries at most 255 bytes, and max_message_bytes is 4096: "
        "set it to 255, or choose a wider length field"
    )


def test_errors_end_with_2_and_all_of_them_are_told(command: Command) -> None:
    lines = report(command, "birds:idle", "udp://127.0.0.1:0", "127.0.0.1:65536", code=Exit.USAGE)
    assert [line for line in lines if line.startswith("error")] == [
        "error     idle cannot answer datagrams: it has no handler declared with @service.message",
        "error     the port of '127.0.0.1:65536' is 65536 and the highest is 65535; "
        "write for example tcp://127.0.0.1:8101",
        "error     idle has no handler: "
        "declare one with @service.message, @service.connection, @service.blocking or @service.session",
    ]


@pytest.mark.parametrize("what", ["birds:server", "birds:pairs"])
def test_a_server_or_a_list_brings_its_addresses(command: Command, what: str) -> None:
    lines = report(command, what)
    assert [line for line in lines if line.startswith("address")] == [
        "address   tcp://127.0.0.1:8101",
        "address   unix://@parrot",
    ]
    assert [line for line in lines if line.startswith("service")] == ["service   parrot"]


def test_one_address_for_two_services_is_an_error(command: Command) -> None:
    lines = report(command, "birds:clash", code=Exit.USAGE)
    assert [line for line in lines if line.startswith("service")] == ["service   parrot", "service   parrot"]
    assert lines[-1] == (
        "error     tcp://127.0.0.1:8101 stands there 2 times, and can be listened on once: choose another"
    )


def test_an_address_in_a_list_that_cannot_be_read(command: Command) -> None:
    lines = report(command, "birds:unreadable", code=Exit.USAGE)
    assert "error     the port of '127.0.0.1' is missing; write for example tcp://127.0.0.1:8101" in lines


def test_a_handler_class_is_a_service(command: Command) -> None:
    lines = report(command, "birds:Handler", "udp://127.0.0.1:0")
    assert "service   Handler" in lines
    assert any(line.startswith("handler   handler_class  Handler  birds.py:") for line in lines)


def test_a_built_in_service_has_its_addresses_or_those_given(command: Command) -> None:
    lines = report(command, "dice")
    assert [line for line in lines if line.startswith("address")] == [
        "address   tcp://127.0.0.1:8105",
        "address   udp://127.0.0.1:8105",
    ]
    assert "address   unix://@dice" in report(command, "dice", "unix://@dice")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["birds:nothing"], "cannot load 'birds:nothing': module 'birds' has no attribute 'nothing'; write"),
        (["broken:service"], "cannot load 'broken:service': it raises ZeroDivisionError: division by zero; -v shows"),
        (
            ["birds:Limits"],
            "'birds:Limits' is a type; it must be a landline Service, a Server, or a socketserver handler class",
        ),
        (["birds:odd"], "item 1 of 'birds:odd' is a Service and not (Service, address)"),
        (["birds:empty"], "'birds:empty' is empty: put pairs (Service, address) into it"),
        (["birds:server", "[::]:1"], "'birds:server' brings its own addresses; leave [::]:1 out"),
        (["birds:parrot", "--limit", "drain=3"], "a limit cannot be 'drain'; it must be one of max_message_bytes,"),
        (["birds:parrot", "--framing", "knots"], "framing 'knots': there is no such framing; it is one of"),
        (["polly"], "there is no built-in service 'polly'; there are upper, clock,"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(command: Command, arguments: list[str], sentence: str) -> None:
    ended = command("check", *arguments)
    assert ended.sentence.startswith(sentence)
    assert ended.code == Exit.USAGE


def test_a_pair_may_hold_a_service_only() -> None:
    with pytest.raises(ServiceError, match="'a:b, item 1' is a int; it must be a landline Service"):
        own_pairs("a:b", [(1, "127.0.0.1:0")])


def test_nothing_is_opened(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.__init__", refuse)
    report(command, "birds:server")


def test_a_server_keeps_its_bindings() -> None:
    (pair,) = pairs_of("echo", ("unix://@echo",), None, {})
    service, address = pair
    assert address is not None
    assert [(one.name, str(where)) for one, where in Server([(service, address)]).bindings] == [
        ("echo", "unix://@echo")
    ]
    assert list(lines_of([], [])) == []


def test_a_certificate_of_the_command_line(command: Command, working_folder: Path) -> None:
    certificate, key = Files(working_folder).server()
    lines = report(command, "birds:parrot", "tls://127.0.0.1:0", "--certificate", certificate, "--key", key)
    (line,) = (line for line in lines if line.startswith("tls "))
    assert re.fullmatch(rf"tls       {re.escape(certificate)}, expires in 30 days, sha256:[0-9a-f]{{64}}", line)
    assert not [line for line in lines if line.startswith("error")]
    ended = command("check", "birds:parrot", "--certificate", certificate, "--key", "birds.py")
    assert (ended.code, ended.err) == (Exit.USAGE, "landline: certificate file birds.py: it holds no key\n")


def test_tls_that_is_not_required(command: Command, working_folder: Path) -> None:
    certificate, key = Files(working_folder).server()
    module = f"from landline import ServerTls, Service\ntls = ServerTls({certificate!r}, {key!r})\n"
    module += "either = Service('either', tls=tls, tls_required=False)\neither.message(bytes.upper)\n"
    module += "plain = either.with_options(tls_required=True)\n"
    (working_folder / "ways.py").write_text(module)
    assert "callers   TLS or clear on the same port" in report(command, "ways:either", "tcp://127.0.0.1:0")
    assert not any(line.startswith("callers") for line in report(command, "ways:plain", "tcp://127.0.0.1:0"))


def test_a_certificate_of_the_module_that_cannot_be_used(command: Command, working_folder: Path) -> None:
    (working_folder / "unsafe.py").write_text("import landline\nlandline.ServerTls('none.pem')\n")
    ended = command("check", "unsafe:service")
    sentence = "landline: cannot load 'unsafe:service': certificate file none.pem: there is no such file\n"
    assert (ended.code, ended.err) == (Exit.USAGE, sentence)
