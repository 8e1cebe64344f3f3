"""The device gateway: frames, their checksum, and a connection that outlives a wrong one."""

import shlex
import subprocess
from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

import device_gateway
from device_gateway import ACK, BATTERY, NAK, TEMPERATURE, DeviceFrames, Report, frame, is_sound, read_report
from landline import blocking
from landline.connection.blocking import BlockingConnection
from landline.errors import FramingSpecError, UnframableMessage
from landline.limits import Limits
from landline.testing import check_decode, check_framing, decode
from tests.examples.rig import WAIT_SECONDS, example
from tests.peers import require_peer

FRAMES = DeviceFrames()
SOUND = frame(TEMPERATURE, bytes.fromhex("0007 00eb"))
WRONG = SOUND[:-1] + b"\xff"


def test_the_checksum_is_the_one_of_the_catalogue() -> None:
    # The check value of CRC-16/CCITT-FALSE in the catalogue of parametrised CRC algorithms.
    assert crc_hqx(b"123456789", 0xFFFF) == 0x29B1
    assert bytes.fromhex("04 01 0007 00eb 6b35") == SOUND
    assert is_sound(SOUND) and not is_sound(WRONG)


def test_frames_survive() -> None:
    messages = [frame(1), SOUND, WRONG, frame(2, b"\x7e" * 255), frame(3, bytes(255)), SOUND]
    check_framing(FRAMES, messages, most_own_bytes=1)


@pytest.mark.parametrize(
    ("wire", "messages"),
    [
        (b"noise", []),
        (b"noise\x7e" + SOUND + b"\0\0\x7e" + WRONG + b"\x7e" + SOUND, [SOUND, WRONG, SOUND]),
        # The start byte may stand in a payload; only the noise before a frame is searched for it.
        (b"\x7e" + frame(9, b"a\x7e\x01b"), [frame(9, b"a\x7e\x01b")]),
    ],
)
def test_noise_before_a_frame_is_skipped(wire: bytes, messages: list[bytes]) -> None:
    check_decode(FRAMES, wire, messages, most_own_bytes=1)


def test_a_wrong_length_costs_frames_but_not_the_stream() -> None:
    # It says one byte too many, and so swallows the start of the next frame; the one behind that is found again.
    wrong = bytes((SOUND[0] + 1,)) + SOUND[1:]
    decoded = decode(FRAMES, b"\x7e" + wrong + b"\x7e" + SOUND + b"\x7e" + SOUND)
    assert [is_sound(message) for message in decoded.messages] == [False, True]
    assert decoded.messages[-1] == SOUND


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=20))
def test_no_cut_changes_what_noise_means(noise: bytes, positions: list[int]) -> None:
    whole, cut = decode(FRAMES, noise), decode(FRAMES, noise, sorted(min(one, len(noise)) for one in positions))
    assert (whole.messages, whole.sentence) == (cut.messages, cut.sentence)
    assert cut.most_held <= 260


@pytest.mark.parametrize("message", [b"", b"\0\1\0", b"\1\1\0\0", b"\0\1\0\0\0"])
def test_what_is_no_frame_cannot_be_sent(message: bytes) -> None:
    with pytest.raises(UnframableMessage, match=f"its {len(message)} bytes are not what its length byte says"):
        FRAMES.encode(message)


def test_a_limit_below_the_largest_frame_is_refused() -> None:
    with pytest.raises(FramingSpecError, match="frames have up to 259 bytes and max_message_bytes is 100"):
        FRAMES.decoder(Limits(max_message_bytes=100))


@pytest.mark.parametrize(
    ("message", "report"),
    [
        (SOUND, Report(7, "temperature", 23.5)),
        (frame(TEMPERATURE, bytes.fromhex("ffff fff6")), Report(65535, "temperature", -1.0)),
        (frame(BATTERY, bytes.fromhex("0001 0ce4")), Report(1, "battery", 3.3)),
        (frame(TEMPERATURE, b"abc"), None),
        (frame(0x33, b"abcd"), None),
    ],
)
def test_reports(message: bytes, report: Report | None) -> None:
    assert read_report(message) == report


def test_a_wrong_checksum_gets_a_nak_and_the_connection_lives() -> None:
    with example("device_gateway.py") as server, blocking.connect(server.address, framing=FRAMES) as device:
        assert isinstance(device, BlockingConnection)
        device.send_all([SOUND, WRONG, frame(0x33), frame(BATTERY, bytes.fromhex("0001 0ce4"))])
        answers = [device.receive() for _ in range(4)]
        assert answers == [frame(ACK, b"\1"), frame(NAK, b"\1"), frame(NAK, b"\x33"), frame(ACK, b"\2")]
        assert [server.line(), server.line()] == ["device 7 temperature 23.5", "device 1 battery 3.3"]


def test_the_line_of_the_docstring() -> None:
    nc = require_peer("nc.openbsd")
    assert device_gateway.__doc__ is not None
    (line,) = (line for line in device_gateway.__doc__.splitlines() if "printf" in line)
    printf = shlex.split(line)[1]
    report = printf.encode().decode("unicode_escape").encode("latin-1")
    with example("device_gateway.py") as server:
        command = [nc, "-N", "127.0.0.1", server.port]
        answer = subprocess.run(command, input=report, capture_output=True, timeout=WAIT_SECONDS).stdout
        assert answer == b"\x7e" + frame(ACK, b"\1")
        assert server.line() == "device 7 temperature 23.5"
