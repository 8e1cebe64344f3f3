"""Which services on which addresses, and how that is announced."""

import sys
from pathlib import Path

import pytest

from landline.address import FdAddress, TcpAddress, UdpAddress, UnixAddress, parse
from landline.cli.exits import Exit
from landline.cli.serve import bindings_for, how_to_call, load, print_lines, show_table, this_command
from landline.errors import ServiceError
from landline.limits import Limits
from landline.server.engine import Listening
from landline.server.service import Service
from tests.cli.conftest import Command

MODULE = """
from landline import Service

service = Service("parrot", framing="netstring")
not_a_service = "parrot"

class Holder:
    service = service

@service.message
def repeat(message):
    return message
"""


def test_without_a_name_the_whole_exchange_is_served() -> None:
    told = [(service.name, str(address)) for service, address in bindings_for(None, (), None, {})]
    assert len(told) == 14
    assert told[:3] == [
        ("upper", "tcp://127.0.0.1:8101"),
        ("upper", "udp://127.0.0.1:8101"),
        ("clock", "tcp://127.0.0.1:8102"),
    ]
    assert told[-1] == ("discard", "udp://127.0.0.1:8107")


def test_a_built_in_service_has_its_port_unless_told_otherwise() -> None:
    assert [str(address) for _, address in bindings_for("dice", (), None, {})] == [
        "tcp://127.0.0.1:8105",
        "udp://127.0.0.1:8105",
    ]
    assert [address for _, address in bindings_for("dice", ("[::]:0", "unix://@dice"), None, {})] == [
        TcpAddress("::", 0),
        UnixAddress("@dice"),
    ]


def test_options_make_a_copy_that_all_addresses_share() -> None:
    (one, _), (other, _) = bindings_for("echo", (), "length:u32be", {"drain_seconds": 3.0})
    assert one is other
    assert (str(one.framing), one.limits) == ("length:u32be", Limits(drain_seconds=3.0))
    (untouched, _), _ = bindings_for("echo", (), None, {})
    assert (str(untouched.framing), untouched.limits) == ("lines", Limits())


def test_a_service_of_ones_own(working_folder: Path) -> None:
    (working_folder / "my_parrot.py").write_text(MODULE)
    assert load("my_parrot:service").name == "parrot"
    assert load("my_parrot:Holder.service").name == "parrot"
    ((service, address),) = bindings_for("my_parrot:service", (), None, {"drain_seconds": 1.0})
    assert (str(service.framing), service.limits.drain_seconds) == ("netstring", 1.0)
    assert address == TcpAddress("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (
            "my_parrot:not_a_service",
            "'my_parrot:not_a_service' is a str; "
            "it must be a landline Service, a Server, or a socketserver handler class",
        ),
        ("my_parrot:nothing", "cannot load 'my_parrot:nothing': module 'my_parrot' has no attribute 'nothing'; write"),
        ("my_parrot:", "cannot load 'my_parrot:': module 'my_parrot' has no attribute ''; write MODULE:ATTRIBUTE"),
        (
            ":service",
            "cannot load ':service': Empty module name; write MODULE:ATTRIBUTE, for example my_service:service",
        ),
        ("my_hawk:service", "cannot load 'my_hawk:service': No module named 'my_hawk'; write MODULE:ATTRIBUTE"),
        (
            "broken:service",
            "cannot load 'broken:service': it raises ZeroDivisionError: division by zero; -v shows where",
        ),
        ("quitter:service", "cannot load 'quitter:service': it raises SystemExit: 3; -v shows where"),
        ("unreadable:service", "cannot load 'unreadable:service': it raises SyntaxError: "),
    ],
)
def test_what_cannot_be_loaded(working_folder: Path, command: Command, what: str, sentence: str) -> None:
    (working_folder / "my_parrot.py").write_text(MODULE)
    (working_folder / "broken.py").write_text("1 / 0\n")
    (working_folder / "quitter.py").write_text("import sys\n\nsys.exit(3)\n")
    (working_folder / "unreadable.py").write_text("def\n")
    ended = command("serve", what)
    assert ended.sentence.startswith(sentence)
    assert ended.code == Exit.USAGE


def test_a_service_that_cannot_answer_says_why(working_folder: Path, command: Command) -> None:
    (working_folder / "idle.py").write_text("from landline import Service\n\nservice = Service('idle')\n")
    ended = command("serve", "idle:service")
    assert ended.code == Exit.USAGE
    ways = "@service.message, @service.connection, @service.blocking or @service.session"
    assert ended.sentence == f"idle has no handler: declare one with {ways}"


def test_a_working_folder_that_is_gone_is_no_fault(working_folder: Path) -> None:
    gone = working_folder / "gone"
    gone.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(gone)
        gone.rmdir()
        with pytest.raises(ServiceError, match="No module named 'my_parrot'"):
            load("my_parrot:service")


LISTENING = [
    Listening(Service("upper"), TcpAddress("127.0.0.1", 8101)),
    Listening(Service("upper", framing="raw"), UdpAddress("::1", 8101), "IPv6 only"),
]


def test_without_a_terminal_there_is_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(LISTENING)
    assert capsys.readouterr().out == "upper tcp://127.0.0.1:8101\nupper udp://[::1]:8101\n"


def test_on_a_terminal_there_is_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "argv", ["landline"])
    monkeypatch.setenv("PATH", str(Path.cwd()))
    show_table(LISTENING)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "service   listens on             call it from another terminal",
        "upper     tcp://127.0.0.1:8101   landline call 127.0.0.1:8101",
        "upper     udp://[::1]:8101       landline call udp://[::1]:8101 --framing raw",
        "          (IPv6 only)",
        "",
        "Ctrl-C stops; a second Ctrl-C stops at once. What happens is told below.",
    ]


@pytest.mark.parametrize(
    ("address", "how"),
    [
        ("tcp://127.0.0.1:8101", "call 127.0.0.1:8101"),
        ("tcp://0.0.0.0:8101", "call 127.0.0.1:8101"),
        ("tcp://[::]:8101", "call [::1]:8101"),
        ("udp://0.0.0.0:8101", "call udp://127.0.0.1:8101"),
        ("unix:///run/upper.sock?mode=660", "call 'unix:///run/upper.sock'"),
        ("unix://@upper", "call 'unix://@upper'"),
    ],
)
def test_how_to_call(monkeypatch: pytest.MonkeyPatch, address: str, how: str) -> None:
    monkeypatch.setattr(sys, "argv", ["python -m landline"])
    assert how_to_call(Listening(Service("upper"), parse(address))) == f"landline {how}"


def test_how_to_call_names_another_framing_than_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["landline"])
    service = Service("upper", framing="length:u32be")
    assert how_to_call(Listening(service, FdAddress(3))).endswith("call fd://3 --framing length:u32be")


@pytest.mark.parametrize(
    ("typed", "path", "shown"),
    [
        (".venv/bin/landline", "/usr/bin", ".venv/bin/landline"),
        ("/usr/local/bin/landline", "/usr/bin:/usr/local/bin", "landline"),
        ("/srv/src/landline/__main__.py", "/usr/bin", "landline"),
    ],
)
def test_the_command_is_shown_as_it_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, typed: str, path: str, shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", [typed])
    monkeypatch.setenv("PATH", path)
    assert this_command() == shown


PAIRS = """
from landline import Limits, Server, Service

parrot = Service("parrot")
parrot.message(bytes.upper)
narrow = parrot.with_options(limits=Limits(max_message_bytes=9))
pairs = [(parrot, "127.0.0.1:0"), (narrow, "unix://@parrot")]
server = Server(pairs)
"""


@pytest.mark.parametrize("attribute", ["pairs", "server"])
def test_what_brings_its_own_addresses(attribute: str, working_folder: Path) -> None:
    (working_folder / "many_parrots.py").write_text(PAIRS)
    what = f"many_parrots:{attribute}"
    found = [(service.limits.max_message_bytes, str(where)) for service, where in bindings_for(what, (), None, {})]
    assert found == [(2**20, "tcp://127.0.0.1:0"), (9, "unix://@parrot")]
    (one, _), (other, _) = bindings_for(what, (), "netstring", {"drain_seconds": 1.0})
    assert (str(one.framing), other.limits.max_message_bytes, other.limits.drain_seconds) == ("netstring", 9, 1.0)
    with pytest.raises(ServiceError) as caught:
        bindings_for(what, ("127.0.0.1:1",), None, {})
    assert str(caught.value) == f"{what!r} brings its own addresses; leave 127.0.0.1:1 out"
