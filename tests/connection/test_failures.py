"""Which errors pass by themselves."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from landline.address import parse
from landline.connection.failures import is_passing
from landline.errors import (
    AddressError,
    ConnectError,
    ConnectionClosed,
    FramingSpecError,
    LandlineError,
    MalformedMessage,
    MessageTooLarge,
    QueueFull,
    Reason,
    TruncatedMessage,
    WaitTimeout,
)
from landline.transport.oserrors import connect_error

WHERE = parse("tcp://127.0.0.1:8101")


def failed(number: int) -> ConnectError:
    return connect_error(WHERE, OSError(number, os.strerror(number)))


def unknown_name(number: int) -> ConnectError:
    return connect_error(WHERE, socket.gaierror(number, "as the resolver says"))


@pytest.mark.parametrize(
    "error",
    [
        *(failed(number) for number in (errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH)),
        *(failed(number) for number in (errno.ENETUNREACH, errno.ENOENT, errno.EAGAIN, errno.EMFILE, errno.EPIPE)),
        unknown_name(socket.EAI_AGAIN),
        WaitTimeout("connecting", 10.0),
        ConnectionClosed("tcp://x", Reason.RESET),
        ConnectionClosed("tcp://x", Reason.PEER_CLOSED),
        TruncatedMessage(1, 2, 0),
        ConnectionResetError(),
        TimeoutError(),
        EOFError(),
    ],
    ids=str,
)
def test_what_passes(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        *(failed(number) for number in (errno.EACCES, errno.EPERM, errno.ENOTSOCK, errno.EPROTOTYPE, errno.EINVAL)),
        unknown_name(socket.EAI_NONAME),
        unknown_name(socket.EAI_FAIL),
        connect_error(WHERE, OSError("the name has no address")),
        ConnectError("fd://3", "a descriptor can be listened on, not called"),
        ConnectError("tls://x", "the certificate has another pin"),
        AddressError("x", "port", "is missing", "y"),
        FramingSpecError("x", "y"),
        MalformedMessage("x", 0),
        MessageTooLarge(2, 1, 0),
        QueueFull("tcp://x", 1, 1),
        LandlineError("any other"),
        PermissionError(),
        ValueError("a mistake in the program"),
    ],
    ids=str,
)
def test_what_stays(error: Exception) -> None:
    assert not is_passing(error)
