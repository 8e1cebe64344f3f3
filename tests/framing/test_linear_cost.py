"""The cost of decoding grows with the bytes and not faster: one long message in small pieces, many in one read.

The work is counted, so a busy machine changes nothing; each framing's own file does so for 64 KiB. Here the full sizes
run when asked for (make torture), and are timed to be looked at. A time also holds what the kernel takes to hand out
new memory, which makes large messages look a little worse than their work.
"""

from time import perf_counter

import pytest

from landline.framing import Cobs, Delimited, Fixed, Framing, Length, Lines, Netstring, Slip, Varint
from landline.limits import MIB, Limits
from landline.testing import bytes_handled

MESSAGES_IN_ONE_READ = 2**17
FRAMINGS: list[Framing] = [
    Lines(),
    Delimited(b"\r\n--boundary"),
    Length("u32be"),
    Length("u24be", offset=4, header_included=True),
    Varint(),
    Netstring(),
    Slip(),
    Cobs(),
]
LIMITS = Limits(max_message_bytes=16 * MIB)


def on_the_wire(framing: Framing, size: int) -> bytes:
    if isinstance(framing, Length) and framing.header_included:
        header = framing.header_bytes
        return bytes(framing.offset) + (size - header).to_bytes(header - framing.offset, "big") + bytes(size - header)
    return framing.encode(b"x" * size)


@pytest.mark.parametrize("framing", [*FRAMINGS, Fixed(8)], ids=str)
def test_many_messages_in_one_read(framing: Framing) -> None:
    """COBS once added up, for each message, the sizes of all before it: hours for this read, where a second is much."""
    wire = on_the_wire(framing, 8) * MESSAGES_IN_ONE_READ
    decoder = framing.decoder()
    assert len(decoder.feed(wire)) == MESSAGES_IN_ONE_READ
    decoder.eof()


@pytest.mark.torture
@pytest.mark.parametrize("piece_bytes", [1, 1024])
@pytest.mark.parametrize("framing", FRAMINGS, ids=str)
def test_twice_the_message_is_twice_the_work(
    framing: Framing, piece_bytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = on_the_wire(framing, 2 * MIB), on_the_wire(framing, 4 * MIB)
    work = bytes_handled(framing, large, piece_bytes, LIMITS) / bytes_handled(framing, small, piece_bytes, LIMITS)
    seconds = seconds_for(framing, small, piece_bytes), seconds_for(framing, large, piece_bytes)
    with capsys.disabled():
        times = f"{seconds[0]:.3f} s and {seconds[1]:.3f} s, ratio {seconds[1] / seconds[0]:.2f}"
        print(f"\n{framing}, 2 and 4 MiB in pieces of {piece_bytes}: work ratio {work:.3f}; {times}", end="")
    assert work < 2.1


def seconds_for(framing: Framing, wire: bytes, piece_bytes: int) -> float:
    """The best of three: a busy machine only ever adds."""
    pieces = [wire[start : start + piece_bytes] for start in range(0, len(wire), piece_bytes)]
    return min(_seconds(framing, pieces) for _ in range(3))


def _seconds(framing: Framing, pieces: list[bytes]) -> float:
    feed = framing.decoder(LIMITS).feed
    began = perf_counter()
    for piece in pieces:
        feed(piece)
    return perf_counter() - began
