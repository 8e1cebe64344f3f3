"""An OSError as a sentence: what is wrong, and what to do."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from landline.address import parse
from landline.transport.oserrors import connect_error, listen_error

WHERE = parse("tcp://127.0.0.1:8101")


def known(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (known(errno.ECONNREFUSED), "nothing listens there (connection refused)"),
        (known(errno.ETIMEDOUT), "nobody answered; the machine is off, or a firewall drops what is sent to it"),
        (known(errno.EHOSTUNREACH), "the machine cannot be reached from here (no route to host)"),
        (known(errno.EMFILE), "this process has no descriptor left; raise `ulimit -n` or close something"),
        (known(errno.EAGAIN), "its queue of waiting calls is full; try again"),
        (known(errno.EPIPE), "broken pipe"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
         "its name is not known here (Name or service not known)"),
        (OSError("the name has no address"), "the name has no address"),
    ],
)  # fmt: skip
def test_a_call_that_failed(error: OSError, problem: str) -> None:
    made = connect_error(WHERE, error)
    assert (made.address, made.problem) == ("tcp://127.0.0.1:8101", problem)
    assert str(made) == f"cannot connect to tcp://127.0.0.1:8101: {problem}"


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (known(errno.EACCES),
         "this user may not (permission denied); take a port above 1023, or a path this user may write to"),
        (known(errno.EADDRNOTAVAIL), "this machine does not have that address; 0.0.0.0 or [::] means all it has"),
        (known(errno.ENOENT), "the folder of this path does not exist; make it first"),
        (known(errno.EBADF), "this process inherited no such descriptor"),
        (known(errno.EIO), "input/output error"),
    ],
)  # fmt: skip
def test_a_listener_that_failed(error: OSError, problem: str) -> None:
    made = listen_error("fd://9", error)
    assert (made.address, made.problem) == ("fd://9", problem)
    assert str(made) == f"cannot listen on fd://9: {problem}"
