"""One table of exit codes for the whole command."""

import pytest

from landline.cli.exits import TABLE, CommandError, Exit, code_of
from landline.errors import (
    AddressError,
    ConnectError,
    ConnectionClosed,
    FramingSpecError,
    IdentityRefused,
    LandlineError,
    LimitError,
    ListenError,
    MalformedMessage,
    MessageTooLarge,
    Reason,
    ServiceError,
    TruncatedMessage,
    UnframableMessage,
    WaitTimeout,
)

ADDRESS = "tcp://127.0.0.1:8101"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError(Exit.REFUSED, "busy"), 5),
        (CommandError(Exit.LOST, "2 of 3 lost"), 4),
        (AddressError("tcp://x", "port", "is missing", ADDRESS), 2),
        (FramingSpecError("foo", "there is no such framing"), 2),
        (LimitError("drain_seconds", -1, "a number"), 2),
        (ServiceError("there is no handler"), 2),
        (UnframableMessage("lines", "it holds a line feed"), 2),
        (ConnectError(ADDRESS, "nothing listens there"), 3),
        (IdentityRefused(ADDRESS, "its certificate has expired"), 5),
        (ListenError(ADDRESS, "the port is in use"), 3),
        (WaitTimeout(f"connecting to {ADDRESS}", 10), 3),
        (WaitTimeout(f"waiting for a message from {ADDRESS}", 10), 4),
        (MessageTooLarge(11, 10, 0), 6),
        (MalformedMessage("a zero inside", 0), 6),
        (TruncatedMessage(3, 4, 0), 6),
        (ConnectionClosed(ADDRESS, Reason.REFUSED), 5),
        (ConnectionClosed(ADDRESS, Reason.RESET), 4),
        (ConnectionClosed(ADDRESS, Reason.PEER_CLOSED), 4),
        (ConnectionClosed(ADDRESS, Reason.MESSAGE_DEADLINE), 4),
        (LandlineError("something else"), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_code_of(error: LandlineError, code: int) -> None:
    assert code_of(error) == code


def test_a_command_error_is_its_sentence() -> None:
    error = CommandError(Exit.REFUSED, "tcp://127.0.0.1:8101 refused the call")
    assert (str(error), error.code) == ("tcp://127.0.0.1:8101 refused the call", Exit.REFUSED)


def test_the_table_in_the_help_has_every_code() -> None:
    told = [int(line.split()[0]) for line in TABLE.splitlines() if line[:1] == " "]
    assert told == sorted(Exit)
