"""A device with registers, read and written as in Modbus/TCP: the server, and a client of a few lines.

Requests and answers start with the MBAP header (Modbus messaging on TCP/IP implementation guide V1.0b, 3.1.3):

    byte   0             2             4             6      7
         +-------------+-------------+-------------+------+----------+------
         | transaction | protocol, 0 | length      | unit | function | data
         +-------------+-------------+-------------+------+----------+------

The length counts what follows it, so the framing is built in: `length:u16be,offset=4,header=included`. The functions
(Modbus application protocol V1.1b3) are 3, read holding registers, 6, write single register, and 16, write multiple
registers; anything else gets an exception code.

    python examples/modbus_like.py                                        # listens on tcp://127.0.0.1:5020
    python examples/modbus_like.py tcp://127.0.0.1:5020 write 10 500 501  # sets registers 10 and 11
    python examples/modbus_like.py tcp://127.0.0.1:5020 read 10 2         # prints: 500 501
"""

from __future__ import annotations

import sys
from itertools import count
from struct import Struct, error, pack, unpack

from landline import Limits, Service, blocking, run
from landline.errors import LandlineError

DEFAULT_ADDRESS = "tcp://127.0.0.1:5020"
FRAMING = "length:u16be,offset=4,header=included"
LIMITS = Limits(max_message_bytes=260)
"""The largest message of Modbus/TCP: 7 bytes of header and a request of 253."""
MBAP = Struct(">HHHB")
UNIT = 1
REGISTERS = 1000

READ, WRITE_ONE, WRITE_MANY = 3, 6, 16
MOST_READ, MOST_WRITTEN = 125, 123
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
EXCEPTION_FLAG = 0x80
MEANINGS = {
    ILLEGAL_FUNCTION: "illegal function",
    ILLEGAL_ADDRESS: "illegal data address",
    ILLEGAL_VALUE: "illegal value",
}


class ModbusError(Exception):
    """A request that was refused. `code` is the exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the device refused: {MEANINGS.get(self.code, 'exception')} (code {self.code})"


# Both sides: from a request or an answer to a message, and back.


def wrap(transaction: int, unit: int, body: bytes) -> bytes:
    """Put the MBAP header before function and data."""
    return MBAP.pack(transaction, 0, 1 + len(body), unit) + body


def unwrap(message: bytes) -> tuple[int, int, bytes]:
    """Transaction, unit, and function and data. Raises ModbusError for a message of another protocol."""
    if len(message) <= MBAP.size:
        raise ModbusError(ILLEGAL_VALUE)
    transaction, protocol, _, unit = MBAP.unpack_from(message)
    if protocol != 0:
        raise ModbusError(ILLEGAL_VALUE)
    return transaction, unit, message[MBAP.size :]


# The device.


class Device:
    """Holding registers, all 0 at first, and what the three functions do with them."""

    def __init__(self, size: int = REGISTERS) -> None:
        self.registers = [0] * size

    def answer(self, body: bytes) -> bytes:
        """The answer to function and data; an exception where they ask for what cannot be."""
        functions = {READ: self.read, WRITE_ONE: self.write_one, WRITE_MANY: self.write_many}
        try:
            if body[0] not in functions:
                raise ModbusError(ILLEGAL_FUNCTION)
            return body[:1] + functions[body[0]](body[1:])
        except ModbusError as refused:
            return bytes((body[0] | EXCEPTION_FLAG, refused.code))
        except error:  # of struct: the data has the wrong size
            return bytes((body[0] | EXCEPTION_FLAG, ILLEGAL_VALUE))

    def read(self, data: bytes) -> bytes:
        """The values of some registers."""
        first, amount = unpack(">HH", data)
        self.check(first, amount, MOST_READ)
        return pack(f">B{amount}H", 2 * amount, *self.registers[first : first + amount])

    def write_one(self, data: bytes) -> bytes:
        """Set one register."""
        first, value = unpack(">HH", data)
        self.check(first, 1, 1)
        self.registers[first] = value
        return data

    def write_many(self, data: bytes) -> bytes:
        """Set several registers."""
        first, amount, size = unpack(">HHB", data[:5])
        self.check(first, amount, MOST_WRITTEN)
        if size != 2 * amount:
            raise ModbusError(ILLEGAL_VALUE)
        self.registers[first : first + amount] = unpack(f">{amount}H", data[5:])
        return data[:4]

    def check(self, first: int, amount: int, most: int) -> None:
        """Raise ModbusError for registers that are too many at once, or not there."""
        if not 1 <= amount <= most:
            raise ModbusError(ILLEGAL_VALUE)
        if first + amount > len(self.registers):
            raise ModbusError(ILLEGAL_ADDRESS)


device = Device()
service = Service("registers", framing=FRAMING, limits=LIMITS)


@service.message
def answer(message: bytes) -> bytes | None:
    """Answer a request under its transaction; what is not Modbus gets no answer, as the guide says (4.4.2.1)."""
    try:
        transaction, unit, body = unwrap(message)
    except ModbusError:
        return None
    return wrap(transaction, unit, device.answer(body))


# The client.


class Client:
    """Reads and writes the registers of a device."""

    def __init__(self, address: str) -> None:
        self.connection = blocking.connect(address, framing=FRAMING, limits=LIMITS)
        self.transactions = count(1)

    def read(self, first: int, amount: int) -> list[int]:
        """The values of `amount` (1 to 125) registers from `first` on. Raises ModbusError."""
        data = self.ask(READ, pack(">HH", first, amount))
        return list(unpack(f">{amount}H", data[1:]))

    def write(self, first: int, numbers: list[int]) -> None:
        """Set registers (1 to 123) from `first` on. Raises ModbusError."""
        self.ask(WRITE_MANY, pack(f">HHB{len(numbers)}H", first, len(numbers), 2 * len(numbers), *numbers))

    def ask(self, function: int, data: bytes) -> bytes:
        """Send a request and wait for the answer with its transaction. Returns its data. Raises ModbusError."""
        transaction = next(self.transactions) % 65536
        self.connection.send(wrap(transaction, UNIT, bytes((function,)) + data))
        while True:
            answered, _, body = unwrap(self.connection.receive())
            if answered != transaction:
                continue  # of a request that was given up
            if body[0] & EXCEPTION_FLAG:
                raise ModbusError(body[1])
            return body[1:]


def call(address: str, action: str, numbers: list[int]) -> None:
    """Do what the command line asks of a device."""
    client = Client(address)
    with client.connection:
        if action == "read":
            print(*client.read(*numbers))
        else:
            client.write(numbers[0], numbers[1:])


def main() -> None:
    """Serve until a signal says stop; with more than an address, call."""
    address, *request = sys.argv[1:] or [DEFAULT_ADDRESS]
    try:
        if request:
            call(address, request[0], [int(text) for text in request[1:]])
        else:
            run([(service, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
    except (LandlineError, ModbusError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
