"""Sending to a drop: call it, call it again when the connection breaks, and bring it data connections."""

from __future__ import annotations

import threading
import time

from landline.address import Address, TcpAddress, TlsAddress, UnixAddress
from landline.address import parse as parse_address
from landline.connection.trusting import trust_for
from landline.errors import LandlineError, UsageError
from landline.transfer.calling import Caller
from landline.transfer.door import may_be_clear
from landline.transfer.greeting import GREETING_SECONDS, TRUSTED, Greeted, Proof, call_out, my_hello
from landline.transfer.link import ControlLink
from landline.transfer.retrying import until_done
from landline.transfer.sender import Sender
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import Accept, Result
from landline.transport.listen import socket_address
from landline.transport.tls import ClientTls, pin_of

LINGER_SECONDS = 2.0
JOIN_SECONDS = 15.0


def drop_target(address: str | Address) -> TlsAddress | UnixAddress:
    """The address of a drop. Raises AddressError or UsageError."""
    found = parse_address(address)
    if isinstance(found, TlsAddress | UnixAddress):
        return found
    example = f"; write tls://{found.host}:{found.port}" if isinstance(found, TcpAddress) else ""
    raise UsageError(f"files always travel over TLS, and {found} has none{example}")


def drop_caller(target: TlsAddress | UnixAddress, tls: ClientTls | None) -> Caller:
    """What calls the drop at `target`; `tls` says whom to trust where the address has no pin. Raises UsageError."""
    # Over a Unix socket nobody else can answer; what is shown is taken.
    return Caller(target, trust_for(target, tls) or ClientTls(insecure=True))


class ByCalling:
    """Sends `job` to the drop at `target`; `tls` says whom to trust there, `token` is what it may ask for."""

    def __init__(
        self, job: SendJob, target: TlsAddress | UnixAddress, tls: ClientTls | None, token: str | None
    ) -> None:
        self.address = str(target)
        self._job = job
        self._token = token
        self._caller = drop_caller(target, tls)

    @property
    def pin(self) -> str:
        """The pin of the drop, once it was called."""
        return pin_of(self._caller.certificate) if self._caller.certificate else ""

    def run(self) -> Result:
        """Send everything. Raises what `send` raises."""
        return until_done(self._job, self._attempt)

    def _attempt(self) -> Result:
        link, greeted = greeted_link(self._caller, self._job, self._token)
        threads: list[threading.Thread] = []
        clear = self._job.options.trusted_link and TRUSTED in greeted.hello.features

        def open_data(accept: Accept) -> None:
            for number in range(1, sender.streams + 1):
                name = f"landline data {number}"
                threads.append(threading.Thread(target=self._move, args=(sender, accept, number), name=name))
                threads[-1].start()

        sender = Sender(link, self._job, clear_allowed=clear, on_accept=open_data if self._job.source else None)
        try:
            return sender.run()
        finally:
            link.close(LINGER_SECONDS)
            sender.wait_served(LINGER_SECONDS)
            sender.cut()
            for thread in threads:
                thread.join(JOIN_SECONDS)

    def _move(self, sender: Sender, accept: Accept, number: int) -> None:
        try:
            data = self._caller.data(accept, self._job.transfer, number, accept.trusted)
        except (LandlineError, OSError) as error:
            sender.fail(error)
            return
        try:
            sender.serve(data)
        finally:
            data.close()


def greeted_link(caller: Caller, job: SendJob | None, token: str | None) -> tuple[ControlLink, Greeted]:
    """Call a drop and greet it. Raises what Caller.control and call_out raise, and UsageError."""
    link = caller.control()
    try:
        wants_clear = job is not None and job.options.trusted_link
        if wants_clear and job is not None:
            peer = socket_address(link.sock, link.sock.getpeername())
            if not may_be_clear(peer, job.options.trusted_peers):
                raise UsageError(
                    f"data goes without TLS only to this machine or a trusted peer, and {peer} is neither; "
                    "name it with --trust-peer, or leave --trusted-link out"
                )
        hello = my_hello("send", "drop", wants_clear)
        deadline = time.monotonic() + GREETING_SECONDS
        return link, call_out(link, hello, caller.certificate, Proof(token=token), deadline)
    except BaseException:
        link.close()
        raise


def drop_address(text: str, pin: str) -> str:
    """The address of a drop with its pin, as `send` takes it."""
    return f"{text}{'&' if '?' in text else '?'}pin={pin}" if pin and "pin=" not in text else text
