"""The syslog collector: the examples of both RFCs, anything at all, and the program `logger`."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syslog_udp import Message, line, parse
from tests.examples.rig import example, run
from tests.peers import require_peer

EXAMPLE_DATA = {"exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"}}
ELEMENT = '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
PRIORITY = '[examplePriority@32473 class="high"]'

# RFC 3164, 5.4.
OLD = {
    "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8": Message(
        34, "'su root' failed for lonvick on /dev/pts/8", "Oct 11 22:14:15", "mymachine", "su"
    ),
    "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!": Message(13, "the BFG!", "Feb  5 17:32:18", "10.0.0.99", "Use"),
    "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time": Message(
        165, "mymachine myproc[10]: %% It's time", "Aug 24 05:34:00", "CST", "1987"
    ),
    "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!": Message(
        0, "1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!"
    ),
    "Use the BFG!": Message(13, "Use the BFG!"),
}
# RFC 5424, 6.5 (examples 1 to 4) and 6.3.5.
NEW = {
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed": Message(
        34, "'su root' failed", "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", "", "ID47"
    ),
    "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.": Message(
        165, "%% It's time to make the do-nuts.", "2003-08-24T05:14:15.000003-07:00", "192.0.2.1", "myproc", "8710"
    ),
    f"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 {ELEMENT} An application event": Message(
        165, "An application event", "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", "", "ID47",
        EXAMPLE_DATA,
    ),
    f"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 {ELEMENT}{PRIORITY}": Message(
        165, "", "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", "", "ID47",
        EXAMPLE_DATA | {"examplePriority@32473": {"class": "high"}},
    ),
    '<0>1 - - - - - [x a="\\"b\\]\\\\" c="\\n"]': Message(0, "", data={"x": {"a": '"b]\\', "c": "\\n"}}),
    "<191>1 - - - - - [empty] ": Message(191, "", data={"empty": {}}),
    # 6.3.5, examples 3 and 4: with a blank between two elements the second is text; one inside makes it no data.
    f"<0>1 - - - - - {ELEMENT} {PRIORITY}": Message(0, PRIORITY, data=EXAMPLE_DATA),
    f"<0>1 - - - - - [ {ELEMENT[1:]}": Message(0, f"1 - - - - - [ {ELEMENT[1:]}"),
    # A priority that is out of range, or written with a zero in front, is none.
    "<192>1 - - - - - -": Message(13, "<192>1 - - - - - -"),
    "<013>text": Message(13, "<013>text"),
}  # fmt: skip


@pytest.mark.parametrize("text", [*OLD, *NEW])
def test_messages(text: str) -> None:
    expected = {**OLD, **NEW}[text]
    assert parse(text.encode()) == expected
    assert parse(text.encode() + b"\n").text == expected.text.rstrip("\n")


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"<34>1 - - - - - [a {text}".encode()))
def test_anything_becomes_one_printable_line(datagram: bytes) -> None:
    assert line(parse(datagram)).isprintable()


def test_long_structured_data_takes_no_time_to_refuse() -> None:
    # A pattern that tried every way to read this would not come back within the life of the universe.
    hostile = b"<0>1 - - - - - [a" + b' b="\\\\\\\\"' * 900
    assert parse(hostile) == Message(0, hostile[3:].decode())


def test_lines() -> None:
    message = Message(36, "left\x1b[31m open\n", "", "house", "door", "7", "ID", {"x": {"a": "1"}})
    assert line(message) == "auth.warning house door[7] ID x{'a': '1'} left\\x1b[31m open\\n"


@pytest.mark.parametrize("form", [["--rfc3164"], ["--rfc5424=notime"], ["--rfc5424"], []])
def test_logger(form: list[str]) -> None:
    logger = require_peer("logger")
    with example("syslog_udp.py", "udp://127.0.0.1:0") as collector:
        where = ["-n", "127.0.0.1", "-P", collector.port, "-d"]
        run(logger, *where, *form, "-t", "door", "-p", "auth.warning", "left open")
        words = collector.line().replace("timeQuality{'tzKnown': '1', 'isSynced': '0'} ", "").split()
        assert (words[0], words[-3:]) == ("auth.warning", ["door", "left", "open"])


def test_strange_datagrams_are_one_line_each() -> None:
    with example("syslog_udp.py", "udp://127.0.0.1:0") as collector, socket.socket(type=socket.SOCK_DGRAM) as sock:
        for datagram in (b"\xff\x1b]0;title\x07", b"", b"<34>two\nlines"):
            sock.sendto(datagram, ("127.0.0.1", int(collector.port)))
        shown = [collector.line() for _ in range(3)]
        assert shown == ["user.notice \ufffd\\x1b]0;title\\x07", "user.notice", "auth.crit two\\nlines"]
