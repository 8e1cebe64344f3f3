"""One table of exit codes for the whole command."""

import pytest

from landline.cli.exits import FAULTS, TABLE, CommandError, Exit, code_of, code_of_files
from landline.errors import (
    AddressError,
    ChatError,
    CodeBurnt,
    ConnectError,
    ConnectionClosed,
    FramingSpecError,
    IdentityRefused,
    LandlineError,
    LimitError,
    ListenError,
    MalformedMessage,
    MessageTooLarge,
    NameRefused,
    PairingFailed,
    Reason,
    RelayError,
    RequestRefused,
    ServiceError,
    TransferError,
    TruncatedMessage,
    UnframableMessage,
    WaitTimeout,
)
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.wire import WireError

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
        (PairingFailed(), 5),
        (CodeBurnt(used=True), 5),
        (RelayError(ADDRESS, "nobody", "nobody waits there"), 3),
        (TransferError("something of a transfer"), 4),
        (Refused(ADDRESS, Fault.QUOTA, "full"), 7),
        (Refused(ADDRESS, Fault.REFUSED, "no token"), 5),
        (WireError("nonsense"), 6),
        (NameRefused("a b", "it has a space"), 2),
        (ChatError("the folder is in use by another chat"), 1),
        (RequestRefused("muted", "you are muted"), 5),
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


@pytest.mark.parametrize(
    ("landed", "faults", "code"),
    [
        (0, [], 0),
        (3, [], 0),
        (1, ["space"], 9),
        (0, ["space", "quota"], 7),
        (0, ["changed"], 8),
        (0, ["exists", "name", "too_large", "denied"], 5),
        (0, ["corrupt"], 6),
        (0, ["unreadable", "unreadable", "exists"], 1),
        (0, ["stopped"], 4),
        (0, ["something new"], 5),
    ],
)
def test_code_of_files(landed: int, faults: list[str], code: int) -> None:
    assert code_of_files(landed, faults) == code


def test_faults_have_their_codes_under_their_own_names() -> None:
    assert set(FAULTS) <= {str(fault) for fault in Fault}
