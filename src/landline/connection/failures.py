"""Errors that pass, and errors that stay: after which a client may try again. Pure."""

from __future__ import annotations

from landline.errors import ConnectError, ConnectionClosed, TruncatedMessage, WaitTimeout


def is_passing(error: BaseException) -> bool:
    """Whether the same attempt may succeed later, without anybody changing the program that makes it.

    Refused, reset, unreachable, too late, busy: passing. A name nobody knows, no permission, an identity that is not
    the expected one, another protocol, a refused login, a mistake in the program, and all that is unknown here: final.
    """
    if isinstance(error, ConnectError):
        return error.passing
    # A stream that ends inside a message is what a killed service leaves behind; no other protocol speaks so.
    if isinstance(error, (ConnectionClosed, WaitTimeout, TruncatedMessage)):
        return True
    # What the code of the caller lets through, when it logs in with means of its own.
    return isinstance(error, (ConnectionError, TimeoutError, EOFError))
