"""Calling through a relay, from code that blocks: as the host that waits at a number, and as who calls it."""

from __future__ import annotations

import os
import secrets
import select
import socket
import threading
import time
from typing import NoReturn

from landline.address import Address, TcpAddress, TlsAddress, UnixAddress
from landline.address import parse as parse_address
from landline.errors import (
    AddressError,
    ConnectionClosed,
    LandlineError,
    Reason,
    RelayError,
    UsageError,
    WaitTimeout,
    shown_name,
)
from landline.limits import Limits
from landline.transfer.closing import Closing
from landline.transfer.relay_wire import (
    ANSWERS,
    ANY_NUMBER,
    HEAD_BYTES,
    KEY_BYTES,
    MOST_NUMBER,
    PORT,
    WORDS,
    Answer,
    Code,
    Hello,
    Verb,
    decode_answer,
    encode_hello,
    sentence_bytes,
)
from landline.transport.blockingdial import dial_blocking
from landline.transport.options import tune_stream

STEP_SECONDS = 10.0
"""How long the relay may take to answer where nothing else is said."""
JOIN_SECONDS = 40.0
"""The same for a call: its host has 30 s to take it."""
_PASSING = {Code.NOBODY, Code.TOO_OFTEN, Code.FULL, Code.GONE, Code.NO_ANSWER}


def relay_address(text: str | Address) -> TcpAddress | UnixAddress:
    """Read the address of a relay; a host alone gets the port 8121.

    Returns a TcpAddress or UnixAddress. Raises AddressError, or UsageError for a kind of address no relay has.
    """
    try:
        address = parse_address(text)
    except AddressError as error:
        if not (isinstance(text, str) and error.part == "port" and error.problem == "is missing"):
            raise
        address = parse_address(f"{text.removesuffix(':')}:{PORT}")
    if isinstance(address, TlsAddress):
        raise UsageError(
            f"a relay cannot be called at {address}: what passes it is sealed from end to end already; "
            f"write {TcpAddress(address.host, address.port)}"
        )
    if not isinstance(address, TcpAddress | UnixAddress):
        raise UsageError(f"a relay cannot be called at {address}; write for example tcp://relay.example.org:{PORT}")
    return address


def join(relay: str | Address, number: int, timeout_seconds: float = JOIN_SECONDS) -> socket.socket:
    """Call who waits at `number` (1 to 99999) of a relay, within `timeout_seconds`.

    Returns a blocking socket that is as good as one connected to the host itself: seal what passes it (TLS). Raises
    RelayError, ConnectError, WaitTimeout or a UsageError.
    """
    where = relay_address(relay)
    _check_number(number)
    deadline = time.monotonic() + timeout_seconds
    line = _Line(where, Hello(Verb.JOIN, number), timeout_seconds)
    try:
        _expect(where, line.answer(deadline), Code.JOINED)
    except TimeoutError:
        line.close()
        raise WaitTimeout(f"waiting for an answer at number {number} of the relay {where}", timeout_seconds) from None
    except BaseException:
        line.close()
        raise
    return line.give_over()


class RelayHost(Closing):
    """Waits at a number of a relay for calls, as a listener does.

    `relay` is the address of the relay, `number` 1 to 99999, or None for one that the relay chooses, `timeout_seconds`
    how long each step of talking with it may take. `key` (16 bytes) lets a host whose connection broke have its number
    back; None makes a new one. Raises RelayError, ConnectError, WaitTimeout or a UsageError.

    `number` and `key` are what was agreed on. `accept` is for one thread; `close` may be called from another.
    """

    def __init__(
        self,
        relay: str | Address,
        number: int | None = None,
        timeout_seconds: float = STEP_SECONDS,
        key: bytes | None = None,
    ) -> None:
        self.relay = relay_address(relay)
        if number is not None:
            _check_number(number)
        self.key = secrets.token_bytes(KEY_BYTES) if key is None else key
        if len(self.key) != KEY_BYTES:
            raise UsageError(f"the key of a host cannot have {len(self.key)} bytes; it must have {KEY_BYTES}")
        self._timeout_seconds = timeout_seconds
        self._in_use = threading.Lock()
        self._closed = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._line: _Line | None = None
        try:
            self._line = _Line(self.relay, Hello(Verb.HOST, number or ANY_NUMBER, key=self.key), timeout_seconds)
            answer = self._line.answer(time.monotonic() + timeout_seconds)
            self.number = _expect(self.relay, answer, Code.HOSTING).number
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError) and not isinstance(error, LandlineError):
                raise WaitTimeout(f"waiting for a number of the relay {self.relay}", timeout_seconds) from None
            raise

    def accept(self, timeout_seconds: float | None = None) -> socket.socket:
        """Wait for a call, at most `timeout_seconds` (None: as long as it takes).

        Returns a blocking socket that is as good as one accepted from the caller itself. A call that was given up
        meanwhile is passed over. Raises WaitTimeout, ConnectionClosed once it is closed, and RelayError or ConnectError
        when the relay is lost or hangs up: then nobody can call any more.
        """
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            try:
                call = self._next_call(end)
            except TimeoutError:
                raise WaitTimeout(f"waiting for a call at the relay {self.relay}", timeout_seconds or 0.0) from None
            taken = self._take(call)
            if taken is not None:
                return taken

    def fileno(self) -> int:
        """The descriptor that is readable when a call waits, or -1 once it is closed."""
        return -1 if self._line is None else self._line.sock.fileno()

    def close(self) -> None:
        """Give the number back; who waits in `accept` is woken. Calls that were accepted go on. Twice does no harm."""
        if self._closed:
            return
        self._closed = True
        os.eventfd_write(self._wake, 1)
        # Whoever waits on the descriptors leaves them before they are closed and given to something else.
        with self._in_use:
            if self._line is not None:
                self._line.close()
            os.close(self._wake)

    def _next_call(self, end: float | None) -> int:
        with self._in_use:
            if self._closed or self._line is None:
                self._say_closed()
            answer = self._line.answer(end, self._wake)
        return self._say_closed() if answer is None else _expect(self.relay, answer, Code.CALL).call

    def _take(self, call: int) -> socket.socket | None:
        """Take a call. Returns its socket, or None if it is over already."""
        hello = Hello(Verb.ACCEPT, self.number, call, self.key)
        try:
            line = _Line(self.relay, hello, self._timeout_seconds)
        except (TimeoutError, RelayError):
            # The relay answers late or not at all for this call; whether it is lost, its own line tells.
            return None
        try:
            with self._in_use:
                if self._closed:
                    self._say_closed()
                answer = line.answer(time.monotonic() + self._timeout_seconds, self._wake)
            if answer is None:
                self._say_closed()
            if answer.code in (Code.GONE, Code.JOINED):
                return line.give_over() if answer.code == Code.JOINED else None
            _expect(self.relay, answer, Code.JOINED)
        except (TimeoutError, RelayError) as error:
            if isinstance(error, RelayError) and error.word != "lost":
                raise
        finally:
            if not line.given_over:
                line.close()
        return None

    def _say_closed(self) -> NoReturn:
        raise ConnectionClosed(f"the relay {self.relay}", Reason.FINISHED)


class _Line:
    """A connection to a relay while it is spoken with; a hello is its first word."""

    def __init__(self, relay: Address, hello: Hello, timeout_seconds: float) -> None:
        self.relay = relay
        self.given_over = False
        self._held = bytearray()
        self.sock = dial_blocking(relay, timeout_seconds)
        try:
            tune_stream(self.sock, Limits())
            # The buffer of a new connection is empty: 30 bytes fit.
            self.sock.send(encode_hello(hello))
        except OSError as error:
            self.close()
            raise self._lost() from error

    def answer(self, end: float | None, wake: int | None = None) -> Answer | None:
        """Read one answer and not a byte more.

        Returns it, or None if the descriptor `wake` became readable before. Raises TimeoutError at `end`, after which
        it may be called again, and RelayError.
        """
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if wake is not None:
            poll.register(wake, select.POLLIN)
        while missing := self._missing():
            left = None if end is None else 1000 * (end - time.monotonic())
            if left is not None and left <= 0:
                raise TimeoutError
            ready = dict(poll.poll(left))
            if wake is not None and wake in ready:
                return None
            if ready:
                self._read(missing)
        answer = decode_answer(bytes(self._held))
        self._held.clear()
        return answer

    def give_over(self) -> socket.socket:
        """The socket, which blocks from here on."""
        self.sock.setblocking(True)
        self.given_over = True
        return self.sock

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def _missing(self) -> int:
        if len(self._held) < HEAD_BYTES:
            return HEAD_BYTES - len(self._held)
        size = sentence_bytes(bytes(self._held[:HEAD_BYTES]))
        if size is None:
            raise self._no_relay()
        return HEAD_BYTES + size - len(self._held)

    def _read(self, most: int) -> None:
        try:
            data = self.sock.recv(most)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        self._held += data

    def _lost(self) -> RelayError:
        if not ANSWERS.startswith(bytes(self._held[: len(ANSWERS)])):
            return self._no_relay()
        return RelayError(str(self.relay), "lost", "it hung up; try again, or check that it is a relay", passing=True)

    def _no_relay(self) -> RelayError:
        problem = "what answers there is no relay; check the address and the port"
        return RelayError(str(self.relay), "not_a_relay", problem)


def _expect(relay: Address, answer: Answer | None, code: Code) -> Answer:
    """The answer, if it says `code`. Raises RelayError."""
    assert answer is not None
    if answer.code == code:
        return answer
    if answer.code in WORDS:
        refused = Code(answer.code)
        raise RelayError(str(relay), refused.name.lower(), WORDS[refused], refused in _PASSING)
    said = shown_name(answer.sentence.encode())
    raise RelayError(str(relay), "other", f"it answers with code {answer.code}, unknown here: {said}")


def _check_number(number: int) -> None:
    if not 1 <= number <= MOST_NUMBER:
        raise UsageError(f"a number of a relay cannot be {number}; it must be from 1 to {MOST_NUMBER}")
