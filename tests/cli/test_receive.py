"""`landline receive`: drops, codes, and what a person is asked."""

from __future__ import annotations

import json
import readline
import sys
from pathlib import Path

import click
import pytest

from landline.address import TlsAddress, parse
from landline.cli import receive as module
from landline.cli.receive import (
    ReceiveArguments,
    ask_for_code,
    complete_words,
    drop_address,
    drop_lines,
    find_code,
    reachable,
)
from landline.errors import PairingFailed, UsageError
from landline.transfer.events import Ended, FileFailed, Moved, Offered, Ready, Said
from landline.transfer.manifest import Entry, Kind
from landline.transfer.options import ReceiveOptions
from tests.cli.conftest import Command
from tests.cli.transfers import ID, PIN, WORDS, Played, played

__all__ = ["played"]

CODE = f"<Code {WORDS.partition('-')[0]}>"


def test_a_drop_says_one_line_where_it_is(command: Command, played: Played) -> None:
    ended = command("receive", "inbox")
    assert ended.out.decode() == f"receive tls://127.0.0.1:8120?pin={PIN}\n"
    assert (ended.code, ended.err.splitlines()) == (
        0,
        [f"1 file, 5 B, on disk at {Path.cwd()}/inbox in 1.0 s (5 B/s)", "closed: 1 transfer, 1 file, 5 B"],
    )
    (directory, where), named = played.calls[0]
    assert (directory, where, named["tls"], named["tokens"]) == (b"inbox", TlsAddress("127.0.0.1", 8120), None, None)
    assert named["options"] == ReceiveOptions()


def test_without_arguments_and_terminal_it_is_a_drop_here(command: Command, played: Played) -> None:
    assert command("receive").code == 0
    assert played.calls[0][0][0] == b"."


def test_a_drop_for_one_transfer_ends_with_its_code(command: Command, played: Played) -> None:
    assert "closed" not in command("receive", "inbox", "--once").err
    played.events = [FileFailed(transfer=ID, file=0, name="x", fault="quota"), Ended(transfer=ID, failed=1)]
    assert command("receive", "inbox", "--once").code == 7


def test_a_drop_that_is_stopped_in_the_middle_says_so(command: Command, played: Played) -> None:
    played.events = [Moved(transfer=ID, phase="receiving")]
    ended = command("receive", "inbox")
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == (
        "landline: 1 transfer cut off; open the drop again, and the senders go on where they were"
    )


def test_options_arrive(command: Command, played: Played, tmp_path: Path) -> None:
    command(
        *("receive", "inbox", "--listen", "tls://127.0.0.1:9000", "--tokens", "tokens", "--quota", "1G"),
        *("--max-file", "1M", "--max-files", "10", "--keep-partial", "2", "--if-exists", "rename", "--limit", "2M"),
        *(
            "--on-complete",
            "true",
            "--on-complete",
            "-v",
            "--symlinks",
            "inside",
            "--trusted-link",
            "--wait-space",
            "9",
        ),
    )
    (_, where), named = played.calls[0]
    assert (where, named["tokens"]) == (TlsAddress("127.0.0.1", 9000), Path("tokens"))
    assert named["options"] == ReceiveOptions(
        if_exists="rename",
        symlinks="inside",
        limit_bytes_per_second=2 * 1024**2,
        keep_partial_days=2.0,
        wait_space_seconds=9.0,
        max_file_bytes=1024**2,
        max_files=10,
        quota_bytes=1024**3,
        trusted_link=True,
        on_complete=("true", "-v"),
    )


def test_json_of_a_drop(command: Command, played: Played) -> None:
    played.events = [Ready(address="its own"), Said(transfer=ID, peer="x", text="hi"), *played.events]
    ended = command("receive", "inbox", "--json")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["event"] for row in rows] == ["ready", "said", "ended"]
    assert rows[0] == {
        "event": "ready",
        "transfer": "",
        "address": f"tls://127.0.0.1:8120?pin={PIN}",
        "pin": PIN,
        "code": "",
    }
    assert ended.err == ""


def test_a_text_in_a_drop_is_harmless(command: Command, played: Played) -> None:
    played.events = [Said(transfer=ID, peer="tls://x:1", text="hi\x1b[2J"), *played.events]
    assert "tls://x:1 says: hi\\x1b[2J\n" in command("receive", "inbox").err


def test_a_drop_open_to_the_network_without_tokens_is_warned_of(
    command: Command, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.transport.interfaces.ipv4_addresses", lambda: ["192.168.1.20", "127.0.0.1"])
    ended = command("receive", "inbox", "--listen", "tls://0.0.0.0:8120")
    assert ended.out.decode() == f"receive tls://192.168.1.20:8120?pin={PIN}\n"
    warning = "Everybody who has this address may send; --tokens FILE lets in only those with a token."
    assert warning in ended.err.splitlines()
    assert warning not in command("receive", "inbox", "--listen", "tls://0.0.0.0:8120", "--tokens", "t").err


def test_a_machine_without_network_is_reached_from_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.transport.interfaces.ipv4_addresses", list)
    assert reachable(TlsAddress("::", 1, True, PIN)) == TlsAddress("127.0.0.1", 1, False, PIN)
    assert reachable(TlsAddress("10.0.0.1", 1)) == TlsAddress("10.0.0.1", 1)


def test_what_a_person_reads_of_a_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/python"])
    address = parse(f"tls://127.0.0.1:8120?pin={PIN}")
    lines = drop_lines(address, "/in\x1bbox", ReceiveArguments())
    assert lines == [
        "What is sent to this drop lands in /in\\x1bbox",
        "",
        f"  address  {address}",
        f"  pin      {PIN}",
        "",
        "To send something here:",
        "",
        f"  landline send PATH\u2026 '{address}'",
        "",
        "Only programs on this machine reach it; --listen tls://0.0.0.0:8120 opens it to others.",
        "Ctrl-C closes it.",
    ]
    monkeypatch.setattr(sys, "argv", ["/far/away/landline"])
    once = drop_lines(parse("tls://10.0.0.1:1"), ".", ReceiveArguments(once=True))
    assert any(line.startswith("  landline send PATH\u2026 ") for line in once)
    assert once[-2:] == ["", "It closes after one transfer, or with Ctrl-C."]


def test_one_file_to_the_standard_output(command: Command, played: Played) -> None:
    played.events = [Ready(address="tls://127.0.0.1:1"), Ended(transfer=ID, landed=1, size=5, level="written")]
    ended = command("receive", "-", "--listen", "tls://127.0.0.1:0")
    assert (ended.code, ended.out) == (0, b"")
    assert ended.err.splitlines() == [
        "receive tls://127.0.0.1:1",
        "1 file, 5 B, written at the standard output",
    ]
    assert played.calls[0][0] == (b"-",)
    assert command("receive", "-", "--json").sentence == "--json and - both want the standard output; leave one out"
    ended = command("receive", "-", "--tokens", "t")
    assert ended.sentence.startswith("--tokens, --certificate and --on-complete are for a drop in a folder")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (None, TlsAddress("127.0.0.1", 8120)),
        ("0.0.0.0:1", TlsAddress("0.0.0.0", 1)),
        ("tls://[::]:1?v6only=yes", TlsAddress("::", 1, True)),
    ],
)
def test_where_a_drop_listens(text: str | None, address: TlsAddress) -> None:
    assert drop_address(text) == address


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--listen", "tcp://127.0.0.1:1"),
            "files always travel over TLS, and tcp://127.0.0.1:1 has none; write tls://HOST:PORT",
        ),
        (
            ("--listen", f"tls://h:1?pin={PIN}"),
            "a pin is for those who call; leave ?pin=\u2026 out of --listen",
        ),
        (
            ("--code", "--listen", "tls://h:1"),
            "--code and --listen do not go together: with a code the other side listens",
        ),
        (("--relay", "tcp://h:1"), "--relay is for codes; a drop is called at its address"),
        (
            ("--on-complete", "/nowhere/scan"),
            "'/nowhere/scan' of --on-complete is no program that can be run; give one, with its path",
        ),
        (("--code", "--yes"), "no code came on the standard input; write it there, or into $LANDLINE_CODE"),
        (("--key", "x"), "--key belongs to a certificate; give --certificate FILE too"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], sentence: str, command: Command, played: Played) -> None:
    ended = command("receive", *arguments)
    assert (ended.code, ended.sentence, played.calls) == (2, sentence, [])


def test_by_code_from_a_pipe(command: Command, played: Played) -> None:
    ended = command("receive", "here", "--code", "--yes", "--relay", "tcp://r:1", piped=f"{WORDS}\n".encode())
    assert (ended.code, ended.out.decode()) == (0, f"1 file, 5 B, on disk at {Path.cwd()}/here in 1.0 s (5 B/s)\n")
    (directory, code), named = played.calls[0]
    assert (directory, str(code), named["relay"]) == (b"here", WORDS, "tcp://r:1")


def test_by_code_from_the_environment(command: Command, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDLINE_CODE", "4821 OCEA mapl bric")
    command("receive", "--yes")
    assert str(played.calls[0][0][1]) == WORDS


def test_a_code_in_the_command_is_warned_of(command: Command, played: Played) -> None:
    ended = command("receive", "--code", WORDS, "--yes")
    assert ended.err.splitlines()[0] == (
        "landline: others on this machine can read a code that stands in a command; leave it out of --code, and it is "
        "asked for"
    )
    assert str(played.calls[0][0][1]) == WORDS


def test_nobody_to_ask(command: Command, played: Played) -> None:
    ended = command("receive", "--code", piped=WORDS.encode())
    assert (ended.code, ended.sentence) == (
        2,
        "nobody can be asked without a terminal; give --yes to take what is offered",
    )
    ended = command("receive", "--code", "--yes", "--once", piped=WORDS.encode())
    assert ended.sentence.endswith("are for a drop; leave them out")
    ended = command("receive", "--code", "--yes", piped=b"4821-ocean-mapel-brick")
    assert (ended.code, "maple" in ended.sentence) == (2, True)


def test_a_text_by_code_is_shown_and_nothing_else(command: Command, played: Played) -> None:
    played.events = [Said(transfer=ID, peer="x", text="the door\nis 4711\x07"), Ended(transfer=ID, level="shown")]
    assert command("receive", "--code", "--yes", piped=WORDS.encode()).out == b"the door\nis 4711\\x07\n"


@pytest.mark.parametrize(("raises", "code"), [(PairingFailed(), 5), (KeyboardInterrupt(), 130)])
def test_a_code_that_fails(raises: BaseException, code: int, command: Command, played: Played) -> None:
    played.raises = raises
    assert command("receive", "--code", "--yes", piped=WORDS.encode()).code == code


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody at a terminal, with the answers in this list."""
    answers: list[str] = []
    monkeypatch.setattr(module, "somebody_types", lambda: True)
    monkeypatch.setattr(click.termui, "visible_prompt_func", lambda _: answers.pop(0))
    return answers


def test_a_person_types_a_code_until_it_is_one(
    person: list[str], capsys: pytest.CaptureFixture[str], played: Played
) -> None:
    person += ["hello", "4821 ocean mapel brick", "", "4821 ocean maple brick"]
    found = ask_for_code("Code")
    assert str(found) == WORDS
    assert capsys.readouterr().err.count("; try again\n") == 3


def test_the_tab_key_completes_words() -> None:
    complete_words()
    complete = readline.get_completer()
    assert complete is not None
    assert [complete("OCE", 0), complete("oce", 1), complete("", 0)] == ["ocean", None, None]
    readline.set_completer(None)


def test_without_readline_there_is_no_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)
    complete_words()


def test_a_person_opens_a_drop_with_enter(person: list[str], command: Command, played: Played) -> None:
    person += [""]
    assert command("receive").code == 0
    assert played.calls[0][0][0] == b"."
    assert find_code("inbox", ReceiveArguments()) is None
    assert find_code(None, ReceiveArguments(once=True)) is None


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_sees_what_is_offered(answer: str, person: list[str], command: Command, played: Played) -> None:
    person += [WORDS, answer]
    played.entries = [Entry(Kind.FILE, (b"a\x1b",), 10), Entry(Kind.FILE, (b".profile",), 10)]
    ended = command("receive")
    lines = ended.err.splitlines()
    assert lines[:4] == [
        "looking for the sender \u2026",
        "tls://host:1 offers 2 files, 1.0 KiB:",
        "      10 B  .profile  [hidden]",
        "      10 B  a\\x1b",
    ]
    if answer == "y":
        assert ended.code == 0
    else:
        assert (ended.code, lines[-1]) == (5, "landline: you did not accept it; nothing was written")


def test_a_no_is_a_no_also_where_the_refusal_is_raised(person: list[str], command: Command, played: Played) -> None:
    def refused(*_: object, **named: object) -> None:
        accept = named["accept"]
        assert callable(accept)
        accept(Offered(peer="x"), [])
        raise PairingFailed

    sys.modules["landline.transfer.receivefiles"].receive = refused  # type: ignore[attr-defined]
    person += [WORDS, "n"]
    ended = command("receive")
    assert (ended.code, ended.err.splitlines()[-1]) == (5, "landline: you did not accept it; nothing was written")


def test_a_drop_refuses_a_wrong_certificate(command: Command, played: Played) -> None:
    ended = command("receive", "inbox", "--certificate", "/nowhere.pem")
    assert (ended.code, "nowhere.pem" in ended.sentence) == (2, True)
    with pytest.raises(UsageError):
        drop_address("unix:///x")
