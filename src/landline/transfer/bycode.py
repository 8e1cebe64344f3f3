"""Finding the sender with a code, and knowing it again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from landline.address import Address, parse
from landline.errors import ConnectError, LandlineError, PairingFailed, RelayError, WaitTimeout
from landline.transfer.calling import CALL_SECONDS, Caller
from landline.transfer.code import Code
from landline.transfer.discovery import find
from landline.transfer.door import may_be_clear
from landline.transfer.events import Event, Noted
from landline.transfer.greeting import GREETING_SECONDS, Greeted, Proof, Refused, call_out, my_hello
from landline.transfer.link import ControlLink
from landline.transfer.options import ReceiveOptions
from landline.transfer.relaying import join, relay_address
from landline.transport.listen import socket_address
from landline.transport.tls import ClientTls

NEAR_SECONDS = 3.0
"""So long we look on the local network before we go to the relay."""
FAR_SECONDS = 60.0
MOST_GUESSES = 3
"""Everybody on the local network can answer, and each answer gets a guess at the code: so not too many may."""


class Meeting:
    """Where the sender with `code` is: at `address`, on the local network, or at the `relay`.

    The first one that has the code is the only one from then on. `caller` calls it.
    """

    def __init__(self, code: Code, address: str | Address | None, relay: str | Address | None, options: ReceiveOptions):
        self._code = code
        self._address = None if address is None else parse(address)
        self._relay = None if relay is None else relay_address(relay)
        self._options = options
        self._found: Caller | None = None
        self._relayed = False
        self._secret = b""
        self._guesses = 0

    @property
    def caller(self) -> Caller:
        """Calls the sender that was found. There is one once `call` has returned."""
        assert self._found is not None
        return self._found

    def call(self, tell: Callable[[Event], None]) -> tuple[ControlLink, Greeted]:
        """Call the sender, and be sure that it is the right one. The link is the caller's to close.

        Raises ConnectError if nobody answers, PairingFailed or Refused if nobody has the code, RelayError, WireError,
        ConnectionClosed or WaitTimeout.
        """
        if self._found is not None:
            return self._greet(self._found, Proof(secret=self._secret))
        problem: LandlineError | None = None
        self._guesses = 0
        for caller, relayed in self._candidates():
            try:
                link, greeted = self._greet(caller, Proof(code=self._code))
            except (ConnectError, RelayError, WaitTimeout) as error:
                problem = problem or error
                continue
            except (PairingFailed, Refused) as error:
                reason = (error.detail if isinstance(error, Refused) else "") or str(error)
                tell(Noted(sentence=f"{caller.address} does not have this code: {reason}"))
                problem, self._guesses = error, self._guesses + 1
                if self._guesses >= MOST_GUESSES:
                    break
                continue
            self._found, self._relayed, self._secret = caller, relayed, greeted.secret
            return link, greeted
        raise problem or _nobody(self._code, self._relay)

    def _candidates(self) -> Iterator[tuple[Caller, bool]]:
        """Who may be the one, nearest first; each with whether it is called by way of the relay."""
        if self._address is not None:
            yield _caller(self._address), False
            return
        for address in find(self._code.number, NEAR_SECONDS):
            yield _caller(address), False
        # Two senders with one number are rare: where one was there and did not have the code, it was mistyped.
        if self._relay is None and not self._guesses:
            for address in find(self._code.number, FAR_SECONDS - NEAR_SECONDS):
                yield _caller(address), False
        if self._relay is not None:
            relay = self._relay
            yield Caller(relay, ClientTls(insecure=True), lambda: join(relay, self._code.number, CALL_SECONDS)), True

    def _greet(self, caller: Caller, proof: Proof) -> tuple[ControlLink, Greeted]:
        link = caller.control()
        try:
            deadline = time.monotonic() + GREETING_SECONDS
            hello = my_hello("receive", "code", self._wants_clear(link))
            return link, call_out(link, hello, caller.certificate, proof, deadline)
        except BaseException:
            link.close()
            raise

    def _wants_clear(self, link: ControlLink) -> bool:
        if not self._options.trusted_link or self._relayed:
            return False
        with contextlib.suppress(OSError):
            peer = socket_address(link.sock, link.sock.getpeername())
            return may_be_clear(peer, self._options.trusted_peers)
        return False

    def may_be_clear(self, link: ControlLink) -> bool:
        """Whether data may come without TLS."""
        return self._wants_clear(link)


def _caller(address: Address) -> Caller:
    # Anybody may answer; the code shows whether it is the right one.
    return Caller(address, ClientTls(insecure=True))


def _nobody(code: Code, relay: Address | None) -> ConnectError:
    where = "on the local network" + ("" if relay is None else f" or at {relay}")
    problem = (
        f"nobody {where} waits with the number {code.number}; is the sender still there, and do both use one relay?"
    )
    return ConnectError(f"the sender {code.number}", problem)
