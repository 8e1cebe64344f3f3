"""Asking a drop whether files that landed there are still as they landed."""

from __future__ import annotations

from dataclasses import dataclass

from landline.address import Address
from landline.errors import ConnectionClosed, Reason, UsageError
from landline.transfer.faults import Fault
from landline.transfer.greeting import Refused
from landline.transfer.receipt import Receipt, ReceiptError, ReceiptFile, objection
from landline.transfer.sendcalling import drop_address, drop_caller, drop_target, greeted_link
from landline.transfer.wire import Bye, Checked, Message, Refuse, Result, Verify, WireError
from landline.transport.tls import ClientTls

TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Verified:
    """A file of a receipt, looked at again. `fault` says what is wrong with it, None: it is as it was."""

    file: ReceiptFile
    fault: Fault | None = None
    detail: str = ""


def verify(
    receipt: Receipt,
    address: str | Address | None = None,
    *,
    token: str | None = None,
    tls: ClientTls | None = None,
) -> list[Verified]:
    """Let the drop hash the files of `receipt` again, and compare.

    `address` is where it is now (None: where the receipt says), `token` what it may ask for, `tls` whom to trust where
    the address has no pin. Returns the files that had landed, in their order.
    Raises UsageError, ConnectError, Refused, WireError, ConnectionClosed or WaitTimeout.
    """
    if not receipt.secret:
        raise ReceiptError("it has no secret, so the drop cannot know that we sent it")
    if address is None and not receipt.address:
        raise UsageError("these files were sent by a code, and nobody waits there any more; check them by hand")
    target = drop_target(drop_address(receipt.address, receipt.pin) if address is None else address)
    link, _ = greeted_link(drop_caller(target, tls), None, token)
    checked: dict[int, Checked] = {}
    try:
        link.post(Verify(bytes.fromhex(receipt.transfer), bytes.fromhex(receipt.secret)))
        is_over = False
        while not is_over:
            for message in link.poll(TICK_SECONDS):
                is_over = _take(message, checked, link.peer, len(receipt.files)) or is_over
        link.post(Bye())
    finally:
        link.close(TICK_SECONDS)
    return [_judged(row, checked.get(row.file)) for row in receipt.files if row.fault is None]


def _take(message: Message, checked: dict[int, Checked], peer: str, most: int) -> bool:
    """Take what the drop says. Returns whether it was the last word."""
    match message:
        case Checked():
            checked[message.file] = message
            if len(checked) > most:
                raise WireError(f"it has checked more files than the {most} of the receipt")
        case Refuse():
            raise Refused(peer, message.fault, message.detail)
        case Bye():
            if message.fault is not None:
                raise Refused(peer, message.fault, message.detail)
            raise ConnectionClosed(peer, Reason.PEER_CLOSED)
        case Result():
            return True
        case _:
            raise WireError(f"a {type(message).__name__} where files are checked")
    return False


def _judged(row: ReceiptFile, checked: Checked | None) -> Verified:
    if checked is None:
        return Verified(row, Fault.UNREADABLE, "the drop says nothing of it")
    if checked.fault is not None:
        return Verified(row, checked.fault, "the drop cannot read it as it landed")
    problem = objection(row, checked.root, checked.size)
    return Verified(row) if problem is None else Verified(row, Fault.CHANGED, problem)
