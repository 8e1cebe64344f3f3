"""One chat in a process of its own, and whoever comes: nc, ncat, telnet, curl, browsers' WebSockets, programs."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.certs import Files
from tests.integration.chatrig import (
    ANYWHERE,
    UNBOUNDED,
    Caller,
    Person,
    Program,
    call,
    chatting,
    get,
    metrics,
)
from tests.integration.rig import WAIT_SECONDS, Serving
from tests.namespaces import Namespace, needs_namespaces
from tests.sockets import has_ipv6, needs_ipv6

GREETING_SECONDS = 5.0
"""The greeting comes within 0.3 s; on a machine that is busy with other tests it may take this long."""
TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A chat on a port for all, with TLS, on a Unix socket, and on IPv6 where there is one."""
    folder = tmp_path_factory.mktemp("chat")
    certificate, key = Files(folder).server()
    (folder / "token").write_text(TOKEN)
    addresses = [ANYWHERE, f"unix://{folder / 'chat.sock'}", *(["tcp://[::1]:0"] if has_ipv6() else [])]
    tls = ("--certificate", certificate, "--key", key, "--metrics-token-file", str(folder / "token"))
    with chatting(folder / "data", *UNBOUNDED, *tls, "--limit", "hello_seconds=1", addresses=addresses) as server:
        yield server


@pytest.fixture
def address(house: Serving) -> str:
    """Where everybody may come."""
    return house.addresses[0]


def piped(*command: str, text: str) -> str:
    """Run a program that sends this and ends its side. What it heard."""
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=WAIT_SECONDS)
    return done.stdout.decode()


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A program one types into, until the block ends."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


def type_in(program: subprocess.Popen[str], line: str) -> None:
    assert program.stdin is not None
    program.stdin.write(line + "\n")
    program.stdin.flush()


def heard(program: subprocess.Popen[str], part: str) -> str:
    """The next line of a program that has this in it."""
    assert program.stdout is not None
    seen = []
    for line in program.stdout:
        seen.append(line)
        if part in line:
            return line.rstrip("\r\n")
    raise AssertionError(f"{part!r} never came: {seen}")


@contextmanager
def page(address: str, **options: Any) -> Iterator[ClientConnection]:
    """The WebSocket of a page."""
    with connect(f"ws{address.removeprefix('tcp')}/chat", compression=None, proxy=None, **options) as socket:
        yield socket


def told(socket: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    while True:
        notice: dict[str, Any] = json.loads(socket.recv(WAIT_SECONDS))
        if notice["type"] == kind and fields.items() <= notice.items():
            return notice


def ask(socket: ClientConnection, op: str, **fields: Any) -> None:
    socket.send(json.dumps({"op": op, **fields}))


# Who comes.


def test_nc_is_greeted_at_once(house: Serving) -> None:
    begun = time.monotonic()
    with running("nc", "127.0.0.1", str(house.port)) as nc:
        assert heard(nc, "welcome").startswith("* welcome to Landline; you are guest-")
        seconds = time.monotonic() - begun
        print(f"greeted after {seconds * 1000:.0f} ms")
        assert seconds < GREETING_SECONDS


def test_what_is_piped_into_nc_is_all_answered(house: Serving) -> None:
    lines = (
        "hello from a pipe\n/join Tea\nso many leaves\n/who tea\n/nick ab\u202ecd\n/jion x\n/search leaves\nlast words"
    )
    seen = piped("nc", "-N", "127.0.0.1", str(house.port), text=lines)
    assert seen.endswith("* good-bye\n")
    assert "you are in tea" in seen
    assert "did you mean /join?" in seen
    assert "\x1b" not in seen
    with Program(house.addresses[0], None, "tea") as reader:
        for room, bodies in (("tea", ["so many leaves", "last words"]), ("lobby", ["hello from a pipe"])):
            reader.ask("history", room=room)
            assert [one["body"] for one in reader.until("page")["messages"]] == bodies


def test_json_is_piped_into_nc(house: Serving) -> None:
    asked = [
        {"op": "hello", "nick": "piper"},
        {"op": "join", "room": "pipes"},
        {"op": "say", "room": "pipes", "body": "one", "cid": "a", "ref": 1},
        {"op": "say", "room": "pipes", "body": "one", "cid": "a", "ref": 2},
        {"op": "whistle", "ref": 3},
        {"op": "history", "room": "pipes", "ref": 4},
    ]
    seen = piped("nc", "-N", "127.0.0.1", str(house.port), text="\n".join(map(json.dumps, asked)))
    notices = [json.loads(line) for line in seen.splitlines()]
    answers = {notice["ref"]: notice for notice in notices if "ref" in notice}
    assert (answers[1]["seq"], answers[2]["seq"], answers[2]["duplicate"]) == (1, 1, True)
    assert answers[3]["code"] == "bad_request" and "whistle" in answers[3]["text"]
    assert answers[4]["type"] == "page"
    assert notices[-1]["type"] == "bye"
    assert sum(notice["type"] == "message" for notice in notices) == 1


def test_telnet_talks_in_lines_and_its_own_bytes_are_passed_over(house: Serving, address: str) -> None:
    with running("telnet", "127.0.0.1", str(house.port)) as telnet, Program(address, "Ann", "lobby") as ann:
        heard(telnet, "you are in lobby")
        type_in(telnet, "good evening")
        assert ann.until("message")["body"] == "good evening"
        ann.say("and to you")
        assert heard(telnet, "and to you").endswith(" Ann: and to you")
        type_in(telnet, "/quit")
        heard(telnet, "good-bye")
        telnet.wait(WAIT_SECONDS)
    with Person(address) as raw:
        # IAC DO ECHO, IAC SB NAWS 80x24 SE, and an IAC IAC that is no letter of UTF-8; CR NUL ends a line.
        raw.send(b"\xff\xfd\x01\xff\xfa\x1f\0\x50\0\x18\xff\xf0/nick tel\xff\xf1net\r\0")
        raw.until("you are telnet now")


def test_ncat_comes_over_tls_on_the_same_port(house: Serving, address: str) -> None:
    with running("ncat", "--ssl", "127.0.0.1", str(house.port)) as ncat, Person(address) as other:
        heard(ncat, "you are in lobby")
        type_in(ncat, "in secret")
        other.until(": in secret")
        other.say("in the clear")
        heard(ncat, ": in the clear")


def test_everybody_talks_with_everybody(house: Serving, address: str) -> None:
    with ExitStack() as stack:
        nc = stack.enter_context(running("nc", "127.0.0.1", str(house.port)))
        local = stack.enter_context(Program(house.addresses[1], "unix"))
        program = stack.enter_context(Program(address, "program", "square"))
        web = stack.enter_context(page(address, origin=f"http://127.0.0.1:{house.port}"))
        ask(web, "hello", nick="browser")
        ask(web, "join", room="square")
        told(web, "joined")
        local.ask("join", room="#Square")
        local.until("joined", room="square")
        heard(nc, "you are in lobby")
        type_in(nc, "/join square")
        heard(nc, "you are in square")
        type_in(nc, "/nick walker")
        program.until("renamed", nick="walker")
        type_in(nc, "one")
        for hears in (program, local):
            assert hears.until("message")["body"] == "one"
        assert told(web, "message", body="one")["nick"] == "walker"
        ask(web, "say", room="square", body="two \u202e\x1b[31m")
        assert program.until("message", nick="browser")["body"] == "two [31m"
        assert re.fullmatch(
            r"\[square 2 [-0-9: ]+\] browser: two \[31m|\[square 2\] browser: two \[31m", heard(nc, "two")
        )
        program.say("three", "square")
        told(web, "message", body="three", seq=3)
        heard(nc, "] program: three")
        # Somebody alone.
        ask(web, "msg", to="walker", body="psst")
        assert "psst" in heard(nc, "psst")
        type_in(nc, "/msg browser what is it?")
        assert told(web, "message", body="what is it?")["room"].startswith("@")


@needs_ipv6
def test_ipv6(house: Serving) -> None:
    with Person(house.addresses[2]) as person, Program(house.addresses[2], "six", "lobby") as six:
        six.say("over six")
        person.until("six: over six")
    assert b"Landline" in get(house.addresses[2], "/")


def test_byte_by_byte(address: str) -> None:
    with Person(address) as person, Caller(call(address)) as slow:
        for data in (b'{"op":"hello","nick":"drip"}\n{"op":"join","room":"lobby"}\n', b'{"op":"say","room":"lobby",'):
            for place in range(len(data)):
                slow.send(data[place : place + 1])
        for byte in '"body":"caf\u00e9 \u2615"}\n'.encode():
            slow.send(bytes([byte]))
        assert person.until("drip: ").endswith("caf\u00e9 \u2615")


def test_curl(house: Serving, address: str) -> None:
    where = f"http://127.0.0.1:{house.port}"

    def curl(*options: str) -> str:
        return piped("curl", "-sik", "--path-as-is", "--noproxy", "*", *options, text="")

    found = curl(f"{where}/")
    assert found.startswith("HTTP/1.1 200 OK\r\n") and "<!doctype html>" in found
    for header in ("Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff", "X-Frame-Options"):
        assert header in found
    assert "unsafe" not in found and "<script>" not in found
    assert curl(f"https://127.0.0.1:{house.port}/").startswith("HTTP/1.1 200 OK\r\n")
    for path in ("/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/nothing", "//etc"):
        assert curl(where + path).startswith("HTTP/1.1 404 "), path
    assert curl("-XPOST", "-d", "x=1", where).startswith("HTTP/1.1 405 ")
    assert curl("-H", "Host: evil.example", where).startswith("HTTP/1.1 421 ")
    assert 'landline_chat_connections_total{protocol="http"}' in curl(f"{where}/metrics")


def test_the_websocket_is_for_our_own_page_only(address: str) -> None:
    with pytest.raises(InvalidStatus) as refused, page(address, origin="https://evil.example"):
        raise AssertionError("it was let in")
    assert refused.value.response.status_code == 403
    with page(address) as socket:  # A program without an origin.
        ask(socket, "hello")
        told(socket, "welcome")
        socket.send(b"\xff\xfe")
        with pytest.raises(ConnectionClosed) as closed:
            told(socket, "nothing")
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
    with page(address) as socket:
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            told(socket, "nothing")
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_a_page_over_tls(house: Serving) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with connect(f"wss://127.0.0.1:{house.port}/chat", ssl=trusting, proxy=None) as socket:
        ask(socket, "hello", nick="safe")
        assert told(socket, "welcome").get("passwords", True)


# From elsewhere.


@needs_namespaces
def test_passwords_and_metrics_from_another_machine(tmp_path: Path) -> None:
    certificate, key = Files(tmp_path).server(("10.77.0.1",))
    (tmp_path / "token").write_text(TOKEN)
    options = ("--certificate", certificate, "--key", key, "--metrics-token-file", str(tmp_path / "token"))
    with Namespace() as near, Namespace() as far:
        near.join(far, "10.77.0.1", "10.77.0.2")
        with chatting(tmp_path / "data", *options, addresses=("tcp://10.77.0.1:8110",), prefix=near.inside()):
            talk = "\n".join(
                [
                    '{"op":"hello","nick":"Ann"}',
                    '{"op":"register","password":"correct horse battery","ref":"r"}',
                    '{"op":"login","nick":"Ann","password":"correct horse battery","ref":"l"}',
                ]
            )
            clear = piped(*far.inside("nc", "-N", "10.77.0.1", "8110"), text=talk)
            answers = {one.get("ref"): one for one in map(json.loads, clear.splitlines())}
            assert answers["r"]["code"] == answers["l"]["code"] == "not_secure"
            assert "TLS" in answers["r"]["text"]
            safe = piped(*far.inside("ncat", "--ssl", "10.77.0.1", "8110"), text=talk)
            answers = {one.get("ref"): one for one in map(json.loads, safe.splitlines())}
            assert answers["r"]["type"] == "account" and answers["r"]["account"] == "ann"
            curl = far.inside("curl", "-s", "--noproxy", "*", "-w", "%{http_code}", "http://10.77.0.1:8110/metrics")
            assert piped(*curl, text="").endswith("403") or piped(*curl, text="").endswith("404")
            assert "landline_chat_people" in piped(*curl, "-H", f"Authorization: Bearer {TOKEN}", text="")


# Whoever means no good.


def no_scar(house: Serving, address: str) -> None:
    """The chat lives, has no fault on its conscience and no connection more than it should."""
    with Program(address, None, "lobby") as program:
        assert program.say("still here")["type"] == "ack"
    assert metrics(address)["faults_total"] == 0
    assert "Traceback" not in house.errors()


def test_who_does_not_say_hello_must_go(house: Serving, address: str) -> None:
    with Caller(call(address)) as shy:
        shy.send(b'{"op":"ping"}\n')
        said = [json.loads(line) for line in shy.rest().splitlines()]
        assert [one["type"] for one in said] == ["pong", "bye"]
        assert (said[1]["code"], said[1]["text"]) == ("idle", "no hello came within 1 s")
    no_scar(house, address)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b'{"op":"say","room":"' + b"x" * 65_600 + b'"}\n', b"65536"),
        (b"x" * 16_500 + b"\n", b"16384"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"this is a chat, not SSH"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 "),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    ],
    ids=["long request", "long line", "ssh", "long head", "http2", "no host"],
)
def test_what_is_too_long_or_not_for_us_is_refused_in_words(
    house: Serving, address: str, data: bytes, answer: bytes
) -> None:
    with Caller(call(address)) as caller:
        caller.send(data)
        assert answer in caller.rest()
    no_scar(house, address)


def test_port_scanners_and_noise(house: Serving, address: str) -> None:
    """Random bytes, also behind beginnings of all that is spoken; then everything still works."""
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    random = Random(seed)
    beginnings = (
        b"",
        b"{",
        b'{"op":"',
        b"GET /",
        b"\x16\x03\x01",
        b"\xff\xfb",
        b"\r\n\r\n",
        b"/",
        b"EHLO x\r\n",
        b"\0" * 9,
    )
    before = descriptors(house)
    for _ in range(200):
        with Caller(call(address)) as scanner:
            noise = random.choice(beginnings) + random.randbytes(random.choice((0, 1, 17, 300, 20_000)))
            try:
                scanner.send(noise + random.choice((b"", b"\n")))
            except OSError:
                continue  # It has heard enough.
    no_scar(house, address)
    wait_until_gone(house, before)


def test_flood_is_slowed(tmp_path: Path) -> None:
    with chatting(tmp_path / "data") as server, Program(server.addresses[0], "flood", "lobby") as flood:
        for number in range(40):
            flood.ask("say", room="lobby", body=f"spam {number}", ref=number)
        answers = [flood.until("ack", "error") for _ in range(40)]
        refused = [one for one in answers if one["type"] == "error"]
        assert 20 <= len(refused) <= 30
        assert {one["code"] for one in refused} == {"too_fast"} and all(one["wait"] > 0 for one in refused)
        assert re.fullmatch(r"too fast: wait [0-9.]+ s", refused[0]["text"])
        for _ in range(200):
            flood.ask("rooms")
        assert "too many requests" in flood.until("error", code="too_fast")["text"]
        assert metrics(server.addresses[0])['refused_total{code="too_fast"}'] >= len(refused)


def descriptors(server: Serving) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def wait_until_gone(server: Serving, most: int) -> None:
    """Wait until a server has no more descriptors than that: connections are closed when their peers are seen gone."""
    deadline = time.monotonic() + WAIT_SECONDS
    while descriptors(server) > most:
        assert time.monotonic() < deadline, f"{descriptors(server)} descriptors, {most} before"
        time.sleep(0.01)
