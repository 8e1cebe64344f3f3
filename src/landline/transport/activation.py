"""Sockets that a service manager opened for this process (socket activation, sd_listen_fds(3))."""

from __future__ import annotations

from collections.abc import Mapping

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START: the first one behind input, output and error output."""
MOST_DESCRIPTORS = 1024


def passed_descriptors(environment: Mapping[str, str], process: int) -> list[int]:
    """The descriptors that were passed to this process.

    `environment` is that of the process, in which LISTEN_FDS is their number and LISTEN_PID the process they are meant
    for; `process` is our own number. Returns none where they are meant for another process, as a parent may have left
    its environment behind, or where the variables are no numbers.
    """
    count, meant_for = environment.get("LISTEN_FDS", ""), environment.get("LISTEN_PID", "")
    if not (count.isdecimal() and meant_for.isdecimal()) or int(meant_for) != process:
        return []
    return list(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + min(int(count), MOST_DESCRIPTORS)))
