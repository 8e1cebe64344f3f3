"""`landline call` and `landline listen` as a person at a terminal uses them."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, serving
from tests.integration.terminal import CTRL_C, CTRL_D, UP, on_terminal, screen

HOST = "127.0.0.1"


def test_a_prompt_answers_and_exit() -> None:
    with serving("greet") as server, on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
        terminal.expect(f"connected to tcp://{HOST}:{server.port}; `exit` or Ctrl-D ends")
        terminal.expect("Welcome!")
        terminal.type("Ann")
        terminal.expect("Hello, Ann!")
        terminal.type("Bob")
        terminal.expect("Hello, Bob!")
        terminal.type("exit")
        assert "landline" not in terminal.ends(0)
        # `exit` is for the client: it ends the sending, and no message of that name goes out.
        assert ", 2 messages, 8 B in," in server.stop()


def test_ctrl_d_ends_and_answers_on_their_way_are_still_shown() -> None:
    with serving("upper") as server, on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
        terminal.expect(">")
        terminal.press(f"bith\r{CTRL_D}")
        assert "BITH" in terminal.ends(0)


def test_ctrl_c_interrupts() -> None:
    with serving("upper") as server, on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
        terminal.expect("connected")
        terminal.expect(">")
        terminal.press(f"half a mess{CTRL_C}")
        assert "landline:" not in terminal.ends(130)


def test_an_empty_line_is_not_sent_and_the_arrow_brings_lines_back() -> None:
    with serving("upper") as server, on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
        terminal.type("")
        terminal.type("first")
        terminal.expect("FIRST")
        terminal.type("second")
        terminal.expect("SECOND")
        terminal.press(f"{UP}{UP}\r")
        terminal.expect("FIRST")
        terminal.press(CTRL_D)
        terminal.ends(0)
        assert ", 3 messages, 19 B in," in server.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_goes_away_is_a_sentence_and_ends_4(how: signal.Signals) -> None:
    with serving("upper") as server, on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
        terminal.type("bith")
        terminal.expect("BITH")
        server.process.send_signal(how)
        terminal.expect(f"landline: tcp://{HOST}:{server.port} closed the connection")
        terminal.ends(4)
        server.process.wait(WAIT_SECONDS)


def test_a_service_without_a_place_ends_5() -> None:
    with (
        serving("greet", "--limit", "max_connections=1") as server,
        socket.create_connection((HOST, server.port), WAIT_SECONDS) as first,
    ):
        assert first.recv(100) == b"Welcome!\n"
        with on_terminal(LANDLINE, "call", f"{HOST}:{server.port}") as terminal:
            terminal.expect(f"landline: tcp://{HOST}:{server.port} refused the call: it is busy; try again later")
            terminal.ends(5)


def test_what_a_peer_sends_cannot_reach_the_terminal() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with on_terminal(LANDLINE, "call", f"{HOST}:{port}") as terminal:
            peer, _ = listener.accept()
            with peer:
                terminal.expect(">")
                peer.sendall(b"\x1b]0;owned\x07 caf\xe9" + " \u202e ☎\n".encode())
                terminal.expect("\\x1b]0;owned\\x07 caf\\xe9 \\u202e ☎")
                # Also while nobody is at the prompt: what is shown at the end.
                terminal.press(CTRL_D)
                assert peer.recv(10) == b""
                peer.sendall(b"\x1b[2Jbye\n")
            rest = terminal.ends(0)
        assert "\\x1b[2Jbye" in rest
        assert "\x1b[2Jbye" not in rest


def test_a_message_that_cannot_be_sent_is_said_and_typing_goes_on() -> None:
    with (
        serving("upper", "--framing", "fixed:4") as server,
        on_terminal(LANDLINE, "call", f"{HOST}:{server.port}", "--framing", "fixed:4") as terminal,
    ):
        terminal.type("hello")
        terminal.expect("not sent: framing 'fixed:4' cannot carry this message: it has 5 bytes, not 4")
        terminal.type("four")
        terminal.expect("FOUR")
        terminal.press(CTRL_D)
        terminal.ends(0)


def test_messages_can_go_to_a_file_while_the_prompt_stays_on_the_terminal(tmp_path: Path) -> None:
    with serving("greet") as server:
        command = f"exec '{LANDLINE}' call {HOST}:{server.port} >{tmp_path}/said"
        with on_terminal("/bin/sh", "-c", command) as terminal:
            terminal.expect("connected")
            terminal.expect(">")
            terminal.type("\u260e \x1b")
            terminal.press(CTRL_D)
            terminal.ends(0)
    assert (tmp_path / "said").read_bytes() == "Welcome!\nHello, ☎ !\n".encode()


def test_datagrams_are_asked_one_by_one_and_what_is_lost_is_told() -> None:
    with (
        serving("upper", f"udp://{HOST}:0") as server,
        on_terminal(LANDLINE, "call", f"udp://{HOST}:{server.port}") as terminal,
    ):
        terminal.expect(f"each line goes to udp://{HOST}:{server.port} as one datagram; `exit` or Ctrl-D ends")
        terminal.type("bith")
        terminal.expect("BITH")
        terminal.type("exit")
        terminal.ends(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((HOST, 0))
        where = f"udp://{HOST}:{deaf.getsockname()[1]}"
        with on_terminal(LANDLINE, "call", where, "--timeout", "0.2") as terminal:
            terminal.expect("as one datagram")
            terminal.type("anybody there?")
            terminal.expect("no answer in 0.2 s")
            terminal.press(CTRL_D)
            terminal.expect("landline: no answer in 0.2 s, 1 of 1 lost")
            terminal.ends(4)


def test_the_terminal_is_left_as_it_was() -> None:
    """uvloop left it non-blocking: whatever read from it next, a shell or `cat`, failed with "try again"."""
    with serving("upper") as server:
        command = f"before=$(stty -g); '{LANDLINE}' call {HOST}:{server.port}; [ $before = $(stty -g) ] && exec cat"
        with on_terminal("/bin/sh", "-c", command) as terminal:
            terminal.expect(">")
            terminal.type("bith")
            terminal.expect("BITH")
            terminal.press(CTRL_D)
            terminal.type("for cat")
            terminal.expect("for cat\r\nfor cat\r\n")
            terminal.press(CTRL_D)
            terminal.ends(0)


def test_two_people_talk_at_the_same_time() -> None:
    with on_terminal(LANDLINE, "listen", f"{HOST}:0") as ann:
        where = ann.expect_match(r"waiting for a call at tcp://(127\.0\.0\.1:\d+)\r\n")
        with on_terminal(LANDLINE, "call", where) as bob:
            bob.expect("connected to")
            ann.expect(f"connected to tcp://{HOST}:")
            # Both speak before either has heard anything.
            ann.type("hello from ann")
            bob.type("hello from bob")
            bob.expect("hello from ann")
            ann.expect("hello from bob")
            bob.type("one more")
            ann.expect("one more")
            bob.type("exit")
            bob.ends(0)
            assert "hung up" in ann.ends(0)


def test_a_caller_on_the_phone_may_be_nc_and_the_listener_may_hang_up() -> None:
    with on_terminal(LANDLINE, "listen", f"{HOST}:0") as ann:
        port = int(ann.expect_match(r"waiting for a call at tcp://127\.0\.0\.1:(\d+)\r\n"))
        with socket.create_connection((HOST, port), WAIT_SECONDS) as caller:
            ann.expect("connected to")
            caller.sendall(b"hello\r\n")
            ann.expect("hello")
            ann.type("goodbye")
            ann.type("exit")
            assert caller.makefile("rb").read() == b"goodbye\n"
        ann.ends(0)


def test_waiting_for_a_call_can_be_interrupted_and_leaves_no_path_behind(tmp_path: Path) -> None:
    with on_terminal(LANDLINE, "listen", f"unix://{tmp_path}/line") as terminal:
        terminal.expect(f"waiting for a call at unix://{tmp_path}/line")
        terminal.press(CTRL_C)
        terminal.ends(130)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_comes_while_one_types_garbles_nothing(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as listener, screen(tmp_path) as shown:
        port = listener.getsockname()[1]
        shown.enter(f"clear; '{LANDLINE}' call {HOST}:{port}; echo code $?")
        peer, _ = listener.accept()
        with peer:
            hello = f"connected to tcp://{HOST}:{port}; `exit` or Ctrl-D ends"
            shown.shows(hello, "> ")
            shown.type("typed before ")
            shown.shows(hello, "> typed before ")
            peer.sendall(b"an answer\nand one more\n")
            shown.shows(hello, "an answer", "and one more", "> typed before ")
            shown.type("and after")
            shown.shows(hello, "an answer", "and one more", "> typed before and after")
            shown.press("Enter")
            assert peer.recv(100) == b"typed before and after\n"
            shown.type("unfinished")
            shown.shows(hello, "an answer", "and one more", "> typed before and after", "> unfinished")
        gone = f"landline: tcp://{HOST}:{port} closed the connection"
        shown.shows("> typed before and after", "> unfinished", gone, "code 4", "$ ")


def test_waiting_for_a_datagram_garbles_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, screen(tmp_path) as shown:
        peer.bind((HOST, 0))
        port = peer.getsockname()[1]
        shown.enter(f"clear; '{LANDLINE}' call udp://{HOST}:{port}; echo code $?")
        hello = f"each line goes to udp://{HOST}:{port} as one datagram; `exit` or Ctrl-D ends"
        shown.shows(hello, "> ")
        shown.enter("question")
        data, sender = peer.recvfrom(100)
        shown.type("typed while waiting")
        shown.shows("> question", "> typed while waiting")
        peer.sendto(data.upper(), sender)
        shown.shows(hello, "> question", "QUESTION", "> typed while waiting")
        shown.press("C-c")
        shown.shows("> typed while waiting", "", "code 130", "$ ")
