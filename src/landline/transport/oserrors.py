"""The one place that turns an OSError into a sentence of ours."""

from __future__ import annotations

import errno
import os
import socket

from landline.address import Address
from landline.errors import ConnectError, ListenError

_CONNECT = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ETIMEDOUT: "nobody answered; the machine is off, or a firewall drops what is sent to it",
    errno.EHOSTUNREACH: "the machine cannot be reached from here (no route to host)",
    errno.ENETUNREACH: "its network cannot be reached from here",
    errno.ENOENT: "there is no socket at this path; is the service running?",
    errno.EACCES: "this user may not use it (permission denied)",
    errno.EPERM: "this user may not use it, or a local firewall forbids it",
    errno.EMFILE: "this process has no descriptor left; raise `ulimit -n` or close something",
    errno.EADDRNOTAVAIL: "no local address or port is left to call from",
    errno.ENOTSOCK: "what is at this path is not a socket",
    errno.EPROTOTYPE: "the socket at this path is of another type",
    errno.EAGAIN: "its queue of waiting calls is full; try again",
}
_PASSING = {
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT,
    errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENETRESET,
    # A Unix path appears when its service starts; queues, ports, descriptors and memory become free again.
    errno.ENOENT, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
}  # fmt: skip
# RFC 3493, 6.1: "The name could not be resolved at this time. Future attempts may succeed."
_PASSING_NAMES = {socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM}
_LISTEN = {
    errno.EACCES: "this user may not (permission denied); take a port above 1023, or a path this user may write to",
    errno.EADDRNOTAVAIL: "this machine does not have that address; 0.0.0.0 or [::] means all it has",
    errno.ENOENT: "the folder of this path does not exist; make it first",
    errno.ENOTDIR: "a part of this path is a file and not a folder",
    errno.EAFNOSUPPORT: "this machine does not speak that family of addresses",
    errno.EMFILE: "this process has no descriptor left; raise `ulimit -n`",
    errno.EBADF: "this process inherited no such descriptor",
    errno.ENOTSOCK: "the descriptor is not a socket",
    errno.EROFS: "the file system is read-only",
}


def connect_error(address: Address | str, error: OSError) -> ConnectError:
    """The error for a call to `address` that failed with `error`."""
    return ConnectError(str(address), _CONNECT.get(error.errno or 0) or _plain(error), _passes(error))


def listen_error(address: Address | str, error: OSError) -> ListenError:
    """The error for a listener on `address` that failed with `error`."""
    return ListenError(str(address), _LISTEN.get(error.errno or 0) or _plain(error))


def _passes(error: OSError) -> bool:
    """Whether the same call may succeed later by itself."""
    return error.errno in (_PASSING_NAMES if isinstance(error, socket.gaierror) else _PASSING)


def _plain(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"its name is not known here ({error.strerror})"
    return os.strerror(error.errno).lower() if error.errno else str(error)
