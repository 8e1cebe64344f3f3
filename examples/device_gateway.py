"""A gateway for devices that report in binary frames with a checksum.

    byte   0      1        2      3 ...            then
         +------+--------+------+-----------------+---------------+
         | 0x7E | length | type | payload: length | CRC-16, 2     |
         +------+--------+------+-----------------+---------------+

The CRC is CRC-16/CCITT-FALSE (polynomial 0x1021, from 0xFFFF) over length, type and payload, high byte first. A frame
with a right CRC is acknowledged (ACK), one with a wrong CRC is not (NAK), and the connection lives on.

Resynchronisation: bytes before a 0x7E are skipped. A frame is taken as long as it says, also when its CRC turns out to
be wrong: on TCP nothing gets lost, so a wrong CRC was wrong before it was sent, and the next frame still starts where
this one ends. If the length itself was wrong, frames that follow are cut in the wrong place and refused too, until a
0x7E that is a real start comes first behind such a frame; a device that gets NAK after NAK better calls anew.

    python examples/device_gateway.py                                       # listens on tcp://127.0.0.1:7100
    printf '\\x7e\\x04\\x01\\x00\\x07\\x00\\xeb\\x6b\\x35' | nc -N 127.0.0.1 7100 | xxd   # device 7 says 23.5 degrees
"""

from __future__ import annotations

import sys
from binascii import crc_hqx
from dataclasses import dataclass
from struct import Struct

from landline import Limits, Service, run
from landline.errors import FramingSpecError, LandlineError, UnframableMessage
from landline.framing import DEFAULT_LIMITS, Decoder, Framing

DEFAULT_ADDRESS = "tcp://127.0.0.1:7100"
START = b"\x7e"
HEAD_BYTES, CRC_BYTES = 2, 2
"""Length and type, before the payload; the checksum behind it."""
MOST_PAYLOAD_BYTES = 255

TEMPERATURE, BATTERY, ACK, NAK = 0x01, 0x02, 0x06, 0x15


# The framing: what lies between 0x7E and the end of the CRC.


@dataclass(frozen=True, slots=True)
class DeviceFrames(Framing):
    """Frames of the gateway. A message is length, type, payload and CRC, just as they came: the handler checks the CRC.

    A wrong CRC is for the handler, as it answers; an error of the framing would end the connection.
    """

    def __str__(self) -> str:
        return "device-frames"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> DeviceDecoder:
        if limits.max_message_bytes < HEAD_BYTES + MOST_PAYLOAD_BYTES + CRC_BYTES:
            problem = f"frames have up to 259 bytes and max_message_bytes is {limits.max_message_bytes}"
            raise FramingSpecError(str(self), problem)
        return DeviceDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        if len(message) < 4 or len(message) != HEAD_BYTES + message[0] + CRC_BYTES:
            raise UnframableMessage(str(self), f"its {len(message)} bytes are not what its length byte says")
        return START + message


class DeviceDecoder(Decoder):
    """Decoder of DeviceFrames. What it holds starts with 0x7E, and is never more than one frame."""

    __slots__ = ()

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        self._raise_error()
        # What is held is less than a frame of 260 bytes, so putting it together again each time costs next to nothing.
        stream = bytes(self._held) + bytes(data)
        self._held.clear()
        messages = []
        start = stream.find(START)
        while 0 <= start < len(stream) - HEAD_BYTES:
            end = start + 1 + HEAD_BYTES + stream[start + 1] + CRC_BYTES
            if end > len(stream):
                break
            messages.append(stream[start + 1 : end])
            start = stream.find(START, end)
        rest = stream[start:] if start >= 0 else b""
        self._offset += len(stream) - len(rest)
        self._held += rest
        return messages


# What is in a frame.


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Make a message: `payload` (at most 255 bytes) with its length, its type and its CRC."""
    body = bytes((len(payload), kind)) + payload
    return body + crc_hqx(body, 0xFFFF).to_bytes(CRC_BYTES, "big")


def is_sound(message: bytes) -> bool:
    """Whether the CRC of a message is right."""
    # A CRC over data and its CRC is 0.
    return crc_hqx(message, 0xFFFF) == 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a device reports: its number, and a temperature in degrees or a battery in volts."""

    device: int
    what: str
    value: float


LAYOUTS = {TEMPERATURE: (Struct(">Hh"), "temperature", 10), BATTERY: (Struct(">HH"), "battery", 1000)}
"""Of each type: its payload, its name, and how many of its units make one degree or one volt."""


def read_report(message: bytes) -> Report | None:
    """The report in a sound message; None if its type is unknown or its payload has the wrong size."""
    kind, payload = message[1], message[HEAD_BYTES:-CRC_BYTES]
    layout, name, units = LAYOUTS.get(kind, (None, "", 1))
    if layout is None or len(payload) != layout.size:
        return None
    device, number = layout.unpack(payload)
    return Report(device, name, number / units)


gateway = Service("gateway", framing=DeviceFrames())


@gateway.message
def take(message: bytes) -> bytes:
    """Print a report and acknowledge it with its type; NAK what is not sound or not known."""
    report = read_report(message) if is_sound(message) else None
    if report is None:
        return frame(NAK, message[1:2])
    print(f"device {report.device} {report.what} {report.value:g}", flush=True)
    return frame(ACK, message[1:2])


def main() -> None:
    """Serve until a signal says stop."""
    address = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ADDRESS
    try:
        run([(gateway, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
    except LandlineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
