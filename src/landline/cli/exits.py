"""Exit codes: one table for the whole command."""

from __future__ import annotations

from enum import IntEnum

from landline.errors import (
    ConnectError,
    ConnectionClosed,
    FramingError,
    IdentityRefused,
    LandlineError,
    ListenError,
    Reason,
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
  6  malformed bytes from the peer
  130  interrupted
"""


class CommandError(LandlineError):
    """A command ends with `code` and one sentence."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def code_of(error: LandlineError) -> Exit:
    """The exit code for an error that ended a command."""
    match error:
        case CommandError():
            return error.code
        case UsageError() | UnframableMessage():
            return Exit.USAGE
        case IdentityRefused():
            return Exit.REFUSED
        case ConnectError() | ListenError():
            return Exit.CANNOT_CONNECT
        case WaitTimeout() if error.waited_for.startswith("connecting"):
            return Exit.CANNOT_CONNECT
        case FramingError():
            return Exit.MALFORMED
        case ConnectionClosed(reason=Reason.REFUSED):
            return Exit.REFUSED
        case _:
            return Exit.LOST
