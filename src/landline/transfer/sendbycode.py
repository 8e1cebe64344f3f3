"""Sending to a person: wait for whoever has the code, on the local network or at a relay."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time

from landline.address import Address, TcpAddress
from landline.errors import (
    CodeBurnt,
    ConnectionClosed,
    LandlineError,
    ListenError,
    PairingFailed,
    Reason,
    WaitTimeout,
)
from landline.transfer.code import HIGHEST_NUMBER, Code, new_code
from landline.transfer.discovery import Announcer
from landline.transfer.door import Door, ListeningSource, may_be_clear
from landline.transfer.door import Source as Arrivals
from landline.transfer.events import Broke, Noted, Ready
from landline.transfer.faults import Fault
from landline.transfer.greeting import TRUSTED, Judge, answer, my_hello, refusal
from landline.transfer.identity import passing_identity
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.pairing import OneGuess
from landline.transfer.relaying import RelayHost
from landline.transfer.retrying import is_passing
from landline.transfer.sender import Sender
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import Hello, Join, Result, WireError
from landline.transfer.words import load_words
from landline.transport.listen import open_listeners
from landline.transport.tls import ServerTls

ANYWHERE = TcpAddress("0.0.0.0", 0)
LOOK_SECONDS = 1.0
END_SECONDS = 5.0
FLUSH_SECONDS = 2.0
WRONG_GUESS = "somebody tried a wrong code; the code is burnt, and nothing was sent"


class ByCode:
    """Makes a code and sends `job` to whoever has it; `relay` is where both may meet, `listen` where we wait."""

    address = ""
    pin = ""

    def __init__(self, job: SendJob, relay: str | Address | None = None, listen: Address = ANYWHERE) -> None:
        self._job = job
        self._relay = relay
        self._listen = listen

    def run(self) -> Result:
        """Wait, and send everything. Raises what `send` raises."""
        words = load_words()
        with contextlib.ExitStack() as stack:
            with passing_identity() as identity:
                tls = ServerTls(identity.certificate, identity.key)
            host = None if self._relay is None else RelayedArrivals(RelayHost(self._relay))
            if host is not None:
                stack.callback(host.close)
            number = 1 + secrets.randbelow(HIGHEST_NUMBER) if host is None else host.number
            listeners = open_listeners(self._listen)
            arrivals: list[Arrivals] = [ListeningSource(listener) for listener in listeners]
            code = new_code(number, secrets.randbelow, words)
            guests = _Guests(self._job, code, None if host is None else host.address)
            door = Door([*arrivals, *([host] if host is not None else [])], tls, identity.der, guests)
            stack.callback(door.close)
            self._announce(stack, number, listeners[0].sock.getsockname()[1])
            self.pin = identity.pin
            self._job.tell(Ready(code=str(code), address=str(listeners[0].address)))
            return guests.wait()

    def _announce(self, stack: contextlib.ExitStack, number: int, port: int) -> None:
        try:
            stack.enter_context(Announcer(number, port))
        except ListenError as error:
            self._job.tell(Noted(sentence=f"nobody on the local network can find this sender: {error}"))


class RelayedArrivals:
    """Connections that come by way of a relay. If the relay is lost, its number is asked for again."""

    def __init__(self, host: RelayHost) -> None:
        self._host = host
        self._lost = False
        self.number = host.number
        self.address = host.relay

    def accept(self, seconds: float) -> tuple[socket.socket, Address] | None:
        """The next connection, or None if none comes within `seconds`. Raises LandlineError."""
        if self._lost:
            self._host = RelayHost(self.address, self.number, key=self._host.key)
            self._lost = False
        try:
            return self._host.accept(seconds), self.address
        except WaitTimeout:
            return None
        except LandlineError:
            self._lost = True
            self._host.close()
            raise

    def close(self) -> None:
        """Take no more."""
        self._host.close()


class _Guests:
    """Those who come to our door: one wrong guess ends it all, and who was right may come again."""

    def __init__(self, job: SendJob, code: Code, relay: Address | None) -> None:
        self._job = job
        self._code = code
        self._relay = relay
        self._guess = OneGuess()
        self._changes = threading.Condition()
        self._secret: bytes | None = None
        self._sender: Sender | None = None
        self._lost_at: float | None = None
        self._last_error: Exception | None = None
        self._failure: Exception | None = None
        self._result: Result | None = None

    def wait(self) -> Result:
        """Wait for the end. Raises what made an end of it."""
        try:
            with self._changes:
                while self._result is None and self._failure is None:
                    self._changes.wait(LOOK_SECONDS)
                    self._give_up_if_late()
        finally:
            self._stop()
        if self._failure is not None:
            raise self._failure
        assert self._result is not None
        return self._result

    def take_control(self, link: ControlLink, hello: Hello, certificate: bytes, deadline: float) -> None:
        """Find out whether this one has the code, and send."""
        trusted = self._job.options.trusted_link and link.peer != str(self._relay)
        judge = Judge(code=self._code, guess=self._guess, secrets=self._secrets)
        try:
            greeted = answer(link, hello, my_hello("send", "code", trusted), certificate, judge, deadline)
        except CodeBurnt as error:
            refusal(link, Fault.REFUSED, str(error))
            return
        except PairingFailed as error:
            refusal(link, Fault.REFUSED, str(error))
            self._burn(error)
            return
        except LandlineError:
            # Who leaves in the middle of a guess may have seen enough to try the next one.
            if self._guess.spent and not self._guess.used:
                self._burn(PairingFailed())
            raise
        self._secret = greeted.secret
        self._converse(link, trusted and TRUSTED in greeted.hello.features)

    def take_data(self, link: DataLink, join: Join) -> None:
        """Send over a connection that the receiver has made."""
        sender = self._sender
        if sender is None:
            raise WireError("a data connection before its control connection")
        sender.admit(join, link.clear)
        sender.serve(link)

    def clear_allowed(self, peer: Address) -> bool:
        """Whether data may go to `peer` without TLS."""
        options = self._job.options
        return options.trusted_link and peer != self._relay and may_be_clear(peer, options.trusted_peers)

    def _secrets(self) -> list[bytes]:
        return [] if self._secret is None else [self._secret]

    def _converse(self, link: ControlLink, clear: bool) -> None:
        sender = Sender(link, self._job, clear_allowed=clear)
        with self._changes:
            # Who comes again has lost the connection before; we may not have noticed yet.
            while self._sender is not None:
                self._sender.stop()
                self._changes.wait(LOOK_SECONDS)
            if self._result is not None or self._failure is not None:
                return
            self._sender = sender
            self._lost_at = None
        error: Exception | None = None
        result: Result | None = None
        try:
            result = sender.run()
            link.flush(FLUSH_SECONDS)
            sender.wait_served(FLUSH_SECONDS)
        except Exception as raised:
            error = raised
            link.flush(FLUSH_SECONDS)
        finally:
            with self._changes:
                self._sender = None
                self._settle(result, error)
                self._changes.notify_all()

    def _settle(self, result: Result | None, error: Exception | None) -> None:
        self._result = result
        if error is None or result is not None:
            return
        if not is_passing(error):
            self._failure = self._failure or error
            return
        self._lost_at, self._last_error = time.monotonic(), error
        self._job.tell(Broke(problem=str(error), seconds=0.0))

    def _give_up_if_late(self) -> None:
        if self._lost_at is not None and time.monotonic() - self._lost_at > self._job.options.retry_seconds:
            self._failure = self._last_error or ConnectionClosed("the receiver", Reason.PEER_CLOSED)

    def _burn(self, error: PairingFailed) -> None:
        self._job.tell(Noted(sentence=WRONG_GUESS))
        with self._changes:
            self._failure = self._failure or error
            self._changes.notify_all()

    def _stop(self) -> None:
        with self._changes:
            if self._sender is not None:
                self._sender.stop()
                self._changes.wait_for(lambda: self._sender is None, END_SECONDS)
