"""The registers: requests and answers byte by byte as the Modbus specification has them, and the client."""

import subprocess
import sys

import pytest

import modbus_like
from landline import blocking
from landline.connection.blocking import BlockingConnection
from landline.framing import parse
from landline.testing import check_decode
from modbus_like import FRAMING, LIMITS, Client, Device, ModbusError
from tests.examples.rig import EXAMPLES, WAIT_SECONDS, example

# Function, data and answer: Modbus application protocol specification V1.1b3, the example of each function.
SPECIFIED = {
    "6.3 read holding registers 108 to 110": ("03 006B 0003", "03 06 022B 0000 0064"),
    "6.6 write register 2": ("06 0001 0003", "06 0001 0003"),
    "6.12 write registers 2 and 3": ("10 0001 0002 04 000A 0102", "10 0001 0002"),
}
REFUSED = {
    "unknown function": ("2B 0E 01 00", "AB 01"),
    "read coils, which are not there": ("01 0013 0013", "81 01"),
    "read nothing": ("03 0000 0000", "83 03"),
    "read too many": ("03 0000 007E", "83 03"),
    "read behind the end": ("03 03E7 0002", "83 02"),
    "read with too little data": ("03 0000", "83 03"),
    "write behind the end": ("06 03E8 0001", "86 02"),
    "write too many": ("10 0000 007C F8" + "00" * 248, "90 03"),
    "size and amount differ": ("10 0001 0002 03 000A 0102", "90 03"),
    "values missing": ("10 0001 0002 04 000A", "90 03"),
}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    """A device that holds what the specification's example reads."""
    new = Device()
    new.registers[0x6B:0x6E] = [0x022B, 0, 0x64]
    monkeypatch.setattr(modbus_like, "device", new)
    return new


@pytest.mark.parametrize("case", [*SPECIFIED, *REFUSED])
def test_functions_as_specified(case: str, device: Device) -> None:
    request, answer = {**SPECIFIED, **REFUSED}[case]
    assert device.answer(bytes.fromhex(request)).hex() == bytes.fromhex(answer).hex()


def test_writing_sets_registers(device: Device) -> None:
    device.answer(bytes.fromhex("10 0001 0002 04 000A 0102"))
    device.answer(bytes.fromhex("06 0004 FFFF"))
    assert device.registers[:6] == [0, 0x0A, 0x0102, 0, 0xFFFF, 0]


# Messaging on TCP/IP implementation guide V1.0b, the MBAP header: transaction 1501, unit FF, read register 5.
REQUEST = "1501 0000 0006 FF 03 0004 0001"
ANSWER = "1501 0000 0005 FF 03 02 0005"


def test_the_header_as_specified(device: Device) -> None:
    device.registers[4] = 5
    request, answer = bytes.fromhex(REQUEST), bytes.fromhex(ANSWER)
    assert modbus_like.answer(request) == answer
    check_decode(parse(FRAMING), request + answer, [request, answer], limits=LIMITS)


@pytest.mark.parametrize("message", ["1501 0001 0006 FF 03 0004 0001", "1501 0000 0001 FF", "1501 0000 0000"])
def test_what_is_not_modbus_gets_no_answer(message: str) -> None:
    assert modbus_like.answer(bytes.fromhex(message)) is None


def test_the_client() -> None:
    with example("modbus_like.py") as server:
        client = Client(server.address)
        with client.connection:
            client.write(10, [500, 501])
            assert client.read(9, 4) == [0, 500, 501, 0]
            with pytest.raises(ModbusError, match=r"the device refused: illegal data address \(code 2\)"):
                client.read(999, 2)
            assert client.read(10, 1) == [500]


def test_the_lines_of_the_docstring() -> None:
    with example("modbus_like.py") as server:
        said = [call(server.address, *words.split()) for words in ("write 10 500 501", "read 10 2", "read 2000 1")]
        assert said == [
            (0, "", ""),
            (0, "500 501\n", ""),
            (1, "", "the device refused: illegal data address (code 2)\n"),
        ]


def call(address: str, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, str(EXAMPLES / "modbus_like.py"), address, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    return done.returncode, done.stdout, done.stderr


def test_several_requests_in_one_segment() -> None:
    with example("modbus_like.py") as server, blocking.connect(server.address, framing=FRAMING) as connection:
        assert isinstance(connection, BlockingConnection)
        connection.send_all(bytes.fromhex(f"{number:04X} 0000 0006 01 03 0000 0001") for number in range(5))
        answers = [connection.receive() for _ in range(5)]
        assert answers == [bytes.fromhex(f"{number:04X} 0000 0005 01 03 02 0000") for number in range(5)]
