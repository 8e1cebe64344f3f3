"""Which process holds a port, as far as Linux lets this user know (proc(5))."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

_LISTENING = "0A"
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")


def holder_of(port: int, protocol: str) -> str | None:
    """The process that holds `port`, as `name (process 123)`, or None if the system does not tell.

    `protocol` is tcp or udp.
    """
    inodes = {
        inode
        for family in (protocol, f"{protocol}6")
        for inode in _bound_inodes(_lines_of(f"/proc/net/{family}"), port, protocol)
    }
    for process, link in _socket_links() if inodes else ():
        found = _SOCKET_LINK.fullmatch(link)
        if found and found[1] in inodes:
            return f"{_name_of(process)} (process {process})"
    return None


def _bound_inodes(table: list[str], port: int, protocol: str) -> Iterator[str]:
    """Inodes of sockets bound to `port` in a table of /proc/net: columns local address, state and inode."""
    for line in table[1:]:
        columns = line.split()
        local_port = int(columns[1].rpartition(":")[2], 16)
        if local_port == port and (protocol == "udp" or columns[3] == _LISTENING):
            yield columns[9]


def _lines_of(path: str) -> list[str]:
    with contextlib.suppress(OSError), open(path) as table:
        return table.read().splitlines()
    return []


def _socket_links() -> Iterator[tuple[int, str]]:
    processes = [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc") else []
    for process in processes:
        folder = f"/proc/{process}/fd"
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(folder):
                with contextlib.suppress(OSError):
                    yield process, os.readlink(f"{folder}/{descriptor}")


def _name_of(process: int) -> str:
    lines = _lines_of(f"/proc/{process}/comm")
    return lines[0] if lines else "unknown"
