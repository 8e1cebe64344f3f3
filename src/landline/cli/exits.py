"""Exit codes: one table for the whole command."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from landline.errors import (
    ChatError,
    CodeBurnt,
    ConnectError,
    ConnectionClosed,
    FramingError,
    IdentityRefused,
    LandlineError,
    ListenError,
    NameRefused,
    PairingFailed,
    Reason,
    RelayError,
    RequestRefused,
    TransferError,
    UnframableMessage,
    UsageError,
    WaitTimeout,
)


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    CANNOT_CONNECT = 3
    LOST = 4
    REFUSED = 5
    MALFORMED = 6
    NO_SPACE = 7
    CHANGED = 8
    PARTLY = 9
    INTERRUPTED = 130


TABLE = """\
Exit codes:

\b
  0  done
  1  a fault in landline itself, or the system refused something
  2  the command was used wrongly
  3  cannot connect or listen
  4  connection lost, or no answer
  5  refused
  6  malformed bytes from the peer, or a file that came damaged
  7  no space left, or a quota is used up
  8  a file changed while it was sent
  9  partly done: some files landed, some did not
  130  interrupted
"""


class CommandError(LandlineError):
    """A command ends with `code` and one sentence."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def leave_output() -> None:
    """Write no more to the standard output: Python would try to at exit, and complain."""
    sys.stdout = None


def code_of(error: LandlineError) -> Exit:
    """The exit code for an error that ended a command."""
    match error:
        case CommandError():
            return error.code
        case UsageError() | UnframableMessage() | NameRefused():
            return Exit.USAGE
        case IdentityRefused() | PairingFailed() | CodeBurnt() | RequestRefused():
            return Exit.REFUSED
        case ConnectError() | ListenError() | RelayError():
            return Exit.CANNOT_CONNECT
        case ChatError():
            return Exit.FAULT
        case TransferError():
            return _of_fault(getattr(error, "fault", None), Exit.LOST)
        case WaitTimeout() if error.waited_for.startswith("connecting"):
            return Exit.CANNOT_CONNECT
        case FramingError():
            return Exit.MALFORMED
        case ConnectionClosed(reason=Reason.REFUSED):
            return Exit.REFUSED
        case _:
            return Exit.LOST


FAULTS = {
    "space": Exit.NO_SPACE,
    "quota": Exit.NO_SPACE,
    "changed": Exit.CHANGED,
    "corrupt": Exit.MALFORMED,
    "protocol": Exit.MALFORMED,
    "version": Exit.MALFORMED,
    "superseded": Exit.LOST,
    "stopped": Exit.LOST,
    "unreadable": Exit.FAULT,
    "system": Exit.FAULT,
}
"""The exit code for each fault of a transfer; every other fault is a refusal."""


def code_of_files(landed: int, faults: Sequence[str]) -> Exit:
    """The exit code of a transfer by how many files landed and by the fault of each that did not."""
    if not faults:
        return Exit.DONE
    if landed:
        return Exit.PARTLY
    commonest, _ = Counter(map(_of_fault, faults)).most_common(1)[0]
    return commonest


def _of_fault(fault: str | None, otherwise: Exit = Exit.REFUSED) -> Exit:
    return otherwise if fault is None else FAULTS.get(fault, Exit.REFUSED)
