"""Limits: every bound Landline enforces, with its unit, its default and the reason for it."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from landline.errors import LimitError

KIB = 1024
MIB = 1024 * KIB


def _limit(default: float | None, unit: str, least: float, most: float, reason: str) -> Any:
    # Where `least` is an int, the limit takes whole numbers only.
    return field(default=default, metadata={"unit": unit, "least": least, "most": most, "reason": reason})


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a service, a connection or a decoder. Raises LimitError for a value out of its range."""

    max_message_bytes: int = _limit(
        MIB,
        "bytes",
        1,
        2**40,
        "a message is held in memory until it is whole, so this is what one peer can make us hold",
    )
    message_seconds: float = _limit(
        30.0,
        "seconds",
        0.001,
        86_400.0,
        "from the first byte of a message to its last; absolute, so a byte now and then does not buy more time",
    )
    max_connections: int | None = _limit(
        None,
        "connections",
        1,
        10_000_000,
        "None means: as many as the descriptor limit of this process leaves, less a margin for everything else",
    )
    max_connections_per_peer: int = _limit(
        1024,
        "connections",
        1,
        10_000_000,
        "one machine (an IPv4 address or an IPv6 /64) must not take every place; Unix peers are not counted",
    )
    max_threads: int = _limit(
        256,
        "threads",
        1,
        100_000,
        "handlers that block have a thread each; beyond some hundreds they mostly wait for one another",
    )
    send_buffer_bytes: int = _limit(
        256 * KIB,
        "bytes",
        1,
        2**31 - 1,
        "what may wait for a peer that reads slowly before its handler is made to wait too; 100 Mbit/s at 20 ms",
    )
    receive_buffer_bytes: int = _limit(
        256 * KIB,
        "bytes",
        1,
        2**31,
        "decoded messages that may wait for a slow handler before reading from its peer pauses; one full read",
    )
    slow_reader_seconds: float = _limit(
        30.0,
        "seconds",
        0.001,
        86_400.0,
        "a peer whose full send buffer does not empty for this long is cut off: it holds memory and gives nothing",
    )
    handshake_seconds: float = _limit(
        10.0,
        "seconds",
        0.001,
        3_600.0,
        "from the first byte of a TLS handshake to its last; until then a caller holds a place and is nobody yet",
    )
    linger_seconds: float = _limit(
        2.0,
        "seconds",
        0.0,
        3_600.0,
        "after our last byte, how long we still read and drop, so that no reset overtakes that byte (RFC 9293 3.6.1)",
    )
    drain_seconds: float = _limit(
        10.0,
        "seconds",
        0.0,
        86_400.0,
        "on a stop, how long messages in hand may take to finish; service managers kill after 90 s, people sooner",
    )
    keepalive_idle_seconds: int = _limit(
        60,
        "seconds",
        1,
        32_767,
        "TCP keep-alive: silence before the first probe; the kernel's two hours outlive every NAT table",
    )
    keepalive_interval_seconds: int = _limit(
        15, "seconds", 1, 32_767, "TCP keep-alive: between probes; with 4 probes a dead peer is found in two minutes"
    )
    keepalive_probes: int = _limit(
        4, "probes", 1, 127, "TCP keep-alive: unanswered probes before the peer counts as gone"
    )
    udp_receive_buffer_bytes: int = _limit(
        4 * MIB,
        "bytes",
        1,
        2**31 - 1,
        "asked of the kernel for each UDP socket; a burst beyond it is dropped, so what was granted is reported",
    )

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not (value is None and bound.default is None):
                _check(bound, value)


def given_limits(limits: Limits | None) -> Limits:
    """The limits somebody gave, or the default ones for None. Raises LimitError for anything else."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise LimitError("limits", limits, "a Limits, for example Limits(max_message_bytes=1000)")
    return limits


def _check(bound: Field[Any], value: object) -> None:
    least, most = bound.metadata["least"], bound.metadata["most"]
    kinds = (int,) if isinstance(least, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        raise LimitError(bound.name, value, _range(least, most))


def _range(least: float, most: float) -> str:
    if isinstance(least, int):
        return f"a whole number from {least} to {most}"
    return f"a number from {least:g} to {most:g}"


def parse_limit(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`, as it stands on a command line.

    Returns the name and the value in the unit of that limit. Raises LimitError for an unknown name or a value that
    is not a number in range.
    """
    name, _, number = text.partition("=")
    known = {bound.name: bound for bound in fields(Limits)}
    if name not in known:
        raise LimitError("a limit", name, f"one of {', '.join(known)}, written NAME=VALUE")
    bound = known[name]
    least, most = bound.metadata["least"], bound.metadata["most"]
    try:
        value = int(number) if isinstance(least, int) else float(number)
    except ValueError:
        raise LimitError(name, number, _range(least, most)) from None
    _check(bound, value)
    return name, value
