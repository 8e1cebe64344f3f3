"""What is wrong with a service, case by case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler, DatagramRequestHandler, StreamRequestHandler
from typing import Any

import msgspec
import pytest

from landline.address import FdAddress, TcpAddress, UdpAddress, UnixAddress
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.server.findings import Finding, Machine, clashes, findings, gib, in_order, most_message_bytes
from landline.server.service import Service
from landline.transport.tls import ServerTls
from tests.certs import Files

ROOMY = Machine(descriptor_limit=5000, open_descriptors=10, memory_bytes=2**50)
TCP = "tcp://127.0.0.1:0"
UDP = "udp://127.0.0.1:0"
PINNED = f"tls://127.0.0.1:0?pin=sha256:{64 * '0'}"


class Login(msgspec.Struct, tag=True):
    name: str


def reply(message: bytes) -> bytes:
    return message


def reply_knowing(message: bytes, connection: Any) -> bytes:
    return message


async def converse(connection: Any) -> None: ...


def pass_on(message: Any, connection: Any, call_next: Any) -> Any:
    return call_next(message)


def service_with(*kinds: str, limits: Limits | None = None, **options: Any) -> Service:
    """A service with handlers of these kinds."""
    service = Service("parrot", limits=limits, **options)
    declare: dict[str, Any] = {
        "message": lambda: service.message(reply),
        "knowing": lambda: service.message(reply_knowing),
        "connection": lambda: service.connection(converse),
        "route": lambda: service.on(Login)(reply),
        "middleware": lambda: service.middleware(pass_on),
    }
    for kind in kinds:
        declare[kind]()
    return service


def told(service: Service, address: str | None = TCP, machine: Machine = ROOMY) -> list[str]:
    return [f"{one.severity}: {one.sentence}" for one in findings(service, address, machine)]


@pytest.mark.parametrize("address", [None, TCP, UDP, "unix://@parrot", "fd://3"])
def test_nothing_is_wrong_with_a_plain_service(address: str | None) -> None:
    service = service_with("message", limits=Limits(max_message_bytes=65507))
    assert told(service, address) == []


@pytest.mark.parametrize(
    ("kinds", "options", "address", "sentence"),
    [
        (
            [],
            {},
            TCP,
            "parrot has no handler: "
            "declare one with @service.message, @service.connection, @service.blocking or @service.session",
        ),
        (
            [],
            {},
            None,
            "parrot has no handler: "
            "declare one with @service.message, @service.connection, @service.blocking or @service.session",
        ),
        (
            ["message", "route"],
            {"payload": "json"},
            TCP,
            "parrot has handlers by type and one for all messages: declare one kind of them",
        ),
        (
            ["message", "connection"],
            {"replies": "numbered"},
            TCP,
            "parrot holds conversations, which are not numbered: leave replies='numbered' out",
        ),
        (
            ["route"],
            {},
            TCP,
            "parrot routes by type, which needs documents: give it payload='json' or 'msgpack'",
        ),
        (
            ["connection"],
            {},
            UDP,
            "parrot cannot answer datagrams: it has no handler declared with @service.message",
        ),
        (["message"], {}, "tcp://:1", "the host of 'tcp://:1' is empty; write for example tcp://127.0.0.1:8101"),
    ],
)
def test_what_keeps_a_service_from_working(
    kinds: list[str], options: dict[str, Any], address: str | None, sentence: str
) -> None:
    service = service_with(*kinds, limits=Limits(max_message_bytes=60000), **options)
    assert told(service, address) == [f"error: {sentence}"]


@pytest.mark.parametrize(
    ("limits", "address", "finding"),
    [
        (
            {"max_connections": 4927},
            TCP,
            "error: max_connections is 4927, and the descriptor limit 5000 of this process leaves 4926: "
            "raise it (`ulimit -n`, LimitNOFILE= of systemd), or lower max_connections",
        ),
        ({"max_connections": 4926}, TCP, None),
        (
            {"max_connections": 100, "max_connections_per_peer": 101},
            TCP,
            "warning: max_connections_per_peer is 101 and max_connections 100, so that one peer can take every place: "
            "set it to a part of them",
        ),
        ({"max_connections": 100, "max_connections_per_peer": 100}, TCP, None),
        (
            {"drain_seconds": 90.5},
            TCP,
            "warning: drain_seconds is 90.5, and service managers kill 90 s after they said stop: lower it, or have "
            "systemd wait with TimeoutStopSec=100.5",
        ),
        ({"drain_seconds": 90.0}, TCP, None),
        (
            {"max_message_bytes": 4 * 2**30},
            TCP,
            "warning: a message of max_message_bytes (4294967296) needs 1.15 Gbit/s to arrive in message_seconds (30): "
            "raise message_seconds, or lower max_message_bytes",
        ),
        ({"max_message_bytes": 125_000_000, "message_seconds": 1.0}, TCP, None),
        ({"receive_buffer_bytes": 4096}, TCP, None),
        (
            {},
            UDP,
            "note: a datagram holds at most 65507 bytes, so max_message_bytes (1048576) changes nothing there; replies "
            "over it cannot be sent",
        ),
    ],
)
def test_limits_that_do_not_go_together(limits: dict[str, Any], address: str, finding: str | None) -> None:
    limits = {"max_connections_per_peer": 50, **limits}
    assert told(service_with("message", limits=Limits(**limits)), address) == ([finding] if finding else [])


def blocking(connection: Any) -> None: ...


def test_handlers_that_block_are_bounded_by_threads() -> None:
    limits = Limits(max_connections=1000, max_connections_per_peer=5)
    service = Service("parrot", limits=limits)
    service.blocking(blocking)
    assert told(service) == [
        "warning: max_connections is 1000, and handlers that block have a thread each, at most max_threads (256): "
        "raise max_threads, or lower max_connections"
    ]
    short = Machine(5000, 10, memory_bytes=256 * 3 * 2**19)
    assert told(service.with_options(limits=Limits(max_threads=256)), machine=short) == []
    (sentence,) = told(service.with_options(limits=Limits(max_threads=257)), machine=short)
    assert sentence.startswith("warning: 257 connections that each hold")


class OfDatagrams(DatagramRequestHandler):
    pass


class OfStreams(StreamRequestHandler):
    pass


@pytest.mark.parametrize(
    ("handler_class", "address", "fits"),
    [
        (OfStreams, None, True),
        (OfStreams, TCP, True),
        (OfStreams, UDP, False),
        (OfDatagrams, None, True),
        (OfDatagrams, TCP, False),
        (OfDatagrams, UDP, True),
    ],
)
def test_handler_classes_and_the_addresses_that_fit(
    handler_class: type[BaseRequestHandler], address: str | None, fits: bool
) -> None:
    service = Service.from_handler(handler_class, limits=Limits(max_message_bytes=60000))
    errors = [one for one in findings(service, address, ROOMY) if one.severity == "error"]
    assert not errors if fits else len(errors) == 1


def test_memory_that_the_machine_does_not_have() -> None:
    service = service_with("message", limits=Limits(max_connections=1024, max_message_bytes=512 * 1024))
    enough = Machine(5000, 10, memory_bytes=2**30)
    short = Machine(5000, 10, memory_bytes=2**30 - 1)
    assert told(service, machine=enough) == []
    assert told(service, UDP, machine=short)[0].startswith("note: ")
    assert told(service, machine=short) == [
        "warning: 1024 connections that each hold a message of max_message_bytes and full buffers take 1 GiB, and this "
        "machine has 1 GiB: lower max_connections, max_message_bytes, send_buffer_bytes or receive_buffer_bytes"
    ]


def test_without_a_limit_of_its_own_a_service_may_fill_what_the_descriptors_leave() -> None:
    (sentence,) = told(service_with("message"), machine=Machine(5000, 10, memory_bytes=2**32))
    assert sentence.startswith("warning: 4926 connections that each hold")
    assert "take 7.22 GiB, and this machine has 4 GiB:" in sentence


@pytest.mark.parametrize(
    ("framing", "most"),
    [
        ("length:u8", 255),
        ("length:u16be", 65535),
        ("length:u16be,adjustment=-2", 65533),
        ("length:u16be,adjustment=-2,header=included", 65535),
        ("length:u24be", 2**24 - 1),
        ("lines", None),
        ("fixed:4", None),
    ],
)
def test_what_a_length_field_can_say(framing: str, most: int | None) -> None:
    assert most_message_bytes(parse_framing(framing)) == most


def test_a_framing_that_cannot_carry_the_longest_message() -> None:
    service = service_with("message", framing="length:u16be")
    assert told(service) == [
        "warning: framing length:u16be carries at most 65535 bytes, and max_message_bytes is 1048576: set it to 65535, "
        "or choose a wider length field"
    ]
    assert told(service.with_options(limits=Limits(max_message_bytes=65535))) == []
    assert told(service.with_options(framing="length:u32be")) == []


def test_text_over_lines_is_noted() -> None:
    service = Service("parrot", payload="text")
    service.message(str.upper)
    (sentence,) = told(service)
    assert sentence.startswith("note: a text that holds a line feed cannot be sent over framing lines")
    assert told(service.with_options("netstring")) == []
    assert told(service.with_options(payload="json")) == []


@pytest.mark.parametrize(
    ("kinds", "options", "lost"),
    [
        (["message"], {}, True),
        (["route"], {"payload": "json"}, True),
        (["knowing"], {}, False),
        (["connection"], {}, False),
        (["message", "middleware"], {}, False),
    ],
)
def test_switchable_with_nobody_to_switch(kinds: list[str], options: dict[str, Any], lost: bool) -> None:
    service = service_with(*kinds, switchable=True, **options)
    sentence = (
        "warning: parrot is switchable, and no handler takes the connection that it would switch: "
        "let one take (message, connection), or leave switchable=True out"
    )
    assert told(service) == ([sentence] if lost else [])


def test_datagrams_use_neither_framing_nor_switching_and_the_kernel_bounds_their_buffer() -> None:
    limits = Limits(max_message_bytes=1000)
    service = service_with("knowing", switchable=True, framing="netstring", limits=limits)
    assert told(service, UDP, Machine(5000, 10, 2**44, udp_buffer_bytes=212992)) == [
        "warning: parrot is switchable, and datagrams have nothing to switch: use a stream address",
        "warning: udp_receive_buffer_bytes is 4194304, and the kernel grants at most 212992: raise it with "
        "`sysctl net.core.rmem_max=4194304`, or lower udp_receive_buffer_bytes",
        "note: each datagram is one message, so framing netstring is not used for it",
    ]


def test_an_address_that_cannot_be_read_does_not_hide_the_rest() -> None:
    assert [one.severity for one in findings(Service("parrot"), "nowhere", ROOMY)] == ["error", "error"]


def test_findings_are_told_once_and_the_worst_first() -> None:
    note, warning, error = Finding("note", "a"), Finding("warning", "b"), Finding("error", "c")
    assert in_order([note, warning, note, error, warning]) == [error, warning, note]


def test_addresses_that_stand_twice() -> None:
    tcp, udp = TcpAddress("127.0.0.1", 90), UdpAddress("127.0.0.1", 90)
    free, unix, inherited = TcpAddress("127.0.0.1", 0), UnixAddress("@parrot"), FdAddress(3)
    assert clashes([tcp, udp, free, free, unix, inherited]) == []
    assert [one.sentence.partition(",")[0] for one in clashes([tcp, tcp, unix, unix, unix, inherited, inherited])] == [
        "tcp://127.0.0.1:90 stands there 2 times",
        "unix://@parrot stands there 3 times",
        "fd://3 stands there 2 times",
    ]


@pytest.mark.parametrize(
    ("count", "shown"), [(2**30, "1 GiB"), (3 * 2**29, "1.5 GiB"), (2**29, "0.5 GiB"), (2**45, "32,768 GiB")]
)
def test_sizes_for_people(count: int, shown: str) -> None:
    assert gib(count) == shown


@pytest.mark.parametrize(
    ("days", "address", "expected"),
    [
        (0, "tls://127.0.0.1:0", []),
        (15, "tls://127.0.0.1:0", []),
        (20, "tls://127.0.0.1:0", ["warning: the certificate {} expires in 10.0 days: renew it"]),
        (40, "tls://127.0.0.1:0", ["error: the certificate {} has expired 10 days ago: renew it"]),
        (0, UDP,
         ["error: parrot cannot answer datagrams on udp://127.0.0.1:0: it has TLS, and TLS needs a stream; "
          "serve udp:// with a service of its own that has none"]),
        (0, PINNED, [f"error: parrot cannot listen on {PINNED}: a pin is for callers; leave it out"]),
    ],
)  # fmt: skip
def test_certificates(tmp_path: Path, days: float, address: str, expected: list[str]) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    (certificate,) = tls.certificates
    machine = replace(ROOMY, now=certificate.not_after - 86_400 * (30 - days))
    service = service_with("message", tls=tls, limits=Limits(max_message_bytes=1000))
    assert told(service, address, machine) == [sentence.format(certificate.path) for sentence in expected]


def test_a_tls_address_needs_a_certificate() -> None:
    assert told(service_with("message"), "tls://127.0.0.1:0") == [
        "error: parrot cannot listen on tls://127.0.0.1:0: it has no certificate; "
        "give Service(…, tls=ServerTls(…)), or --certificate FILE"
    ]


@pytest.mark.parametrize(
    ("payload", "taken", "expected"),
    [
        ("bytes", bytes, []), ("bytes", Any, []), ("bytes", object, []), ("bytes", bytes | str, []), ("text", str, []),
        ("bytes", "Unknown", []), ("json", int, []),
        ("bytes", str,
         ["warning: the message handler of parrot takes str, and payload bytes gives bytes: "
          "choose another payload, or mend the annotation"]),
        ("text", Login,
         ["warning: the message handler of parrot takes Login, and payload text gives str: "
          "choose another payload, or mend the annotation"]),
    ],
)  # fmt: skip
def test_annotations_that_are_no_promise(payload: str, taken: Any, expected: list[str]) -> None:
    def answer(message: Any) -> None: ...

    answer.__annotations__["message"] = taken
    service = Service("parrot", payload=payload, framing="netstring")
    service.message(answer)
    assert told(service) == expected
