"""Sending files: to a drop by its address, or to a person by a code phrase."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence

from landline.address import Address, TcpAddress
from landline.errors import UsageError
from landline.transfer.events import Ended, Observer
from landline.transfer.options import SendOptions
from landline.transfer.outgoing import Outgoing, TransferRunning, outgoing_key
from landline.transfer.receipt import Receipt
from landline.transfer.sendbycode import ByCode
from landline.transfer.sendcalling import ByCalling, drop_target
from landline.transfer.sendjob import SendJob
from landline.transfer.source import Source
from landline.transport.tls import ClientTls

TRANSFER_BYTES, SECRET_BYTES = 16, 32
MOST_TEXT = 65536
LABEL_NAMES = 3

Path = str | bytes | os.PathLike[str]


def send(
    paths: Sequence[Path] = (),
    address: str | Address | None = None,
    *,
    text: str | None = None,
    token: str | None = None,
    tls: ClientTls | None = None,
    relay: str | Address | None = None,
    options: SendOptions | None = None,
    on_event: Observer | None = None,
    stream_fd: int = 0,
) -> Receipt:
    """Send files and folders, or a short `text`, and wait until the other side has them on disk.

    `paths` are what to send; `-` is standard input (`stream_fd`). With an `address` (tls://HOST:PORT, best with the pin
    that the drop shows) it goes to the drop there, which may ask for a `token`; `tls` says whom to trust where the
    address has no pin. Without one a code phrase is made, told in the event Ready, and whoever types it gets the files:
    on the local network, or through the Landline `relay` that both sides call. `options` are limits and policies,
    `on_event` takes events, see landline.transfer.events.

    A connection that breaks is made again, and the transfer goes on; so does the same call after a crash. Returns a
    receipt; files that failed are in its `failed`, and all others are where they should be. Raises UsageError,
    ConnectError (with its kind IdentityRefused), ListenError, TransferError (with its kinds Refused, PairingFailed,
    RelayError, WireError and TransferRunning), ConnectionClosed or WaitTimeout.
    """
    options = options or SendOptions()
    target = None if address is None else drop_target(address)
    if target is not None and relay is not None:
        raise UsageError("a drop is called at its address, without a relay; leave one of the two out")
    source = _source([os.fsencode(path) for path in paths], text, options, stream_fd)
    with contextlib.ExitStack() as stack:
        transfer, secret = stack.enter_context(_identity(source, target, options))
        job = SendJob(transfer, secret, source, options, on_event, label=_label(source), text=text)
        stack.callback(job.close)
        way = ByCode(job, relay) if target is None else ByCalling(job, target, tls, token)
        result = way.run()
        receipt = job.receipt(way.address, way.pin, result.level)
        # Before it is forgotten: whoever was not told can do the same again, and nothing is sent.
        _tell_ended(job, receipt)
    return receipt


def _source(paths: list[bytes], text: str | None, options: SendOptions, stream_fd: int) -> Source | None:
    if text is None:
        return Source(paths, options.symlinks, options.stream_name, stream_fd)
    if paths:
        raise UsageError("a text goes alone; send the files with a second call")
    if len(text) > MOST_TEXT:
        raise UsageError(f"a text may have {MOST_TEXT} characters, and this one has {len(text)}; send it as a file")
    return None


@contextlib.contextmanager
def _identity(source: Source | None, target: Address | None, options: SendOptions) -> Iterator[tuple[bytes, bytes]]:
    """The id and the secret of the transfer: those of last time, if the same was begun before and is not over.

    It counts as over where the `with` ends well.
    """
    if source is None or source.has_stream:
        yield secrets.token_bytes(TRANSFER_BYTES), secrets.token_bytes(SECRET_BYTES)
        return
    key = outgoing_key([top.path for top in source.tops], _destination(target), options.symlinks.encode())
    with Outgoing() as outgoing:
        try:
            with contextlib.suppress(OSError):
                outgoing.sweep(time.time())
            memory = outgoing.begin(key)
        except (OSError, TransferRunning) as error:
            # By a code the same may well go to several people at once; and a state folder that cannot be written is
            # no reason not to send.
            if isinstance(error, TransferRunning) and target is not None:
                raise
            yield secrets.token_bytes(TRANSFER_BYTES), secrets.token_bytes(SECRET_BYTES)
            return
        yield memory.transfer, memory.secret
        with contextlib.suppress(OSError):
            outgoing.finish(key)


def _destination(target: Address | None) -> bytes:
    if target is None:
        return b"code"
    # Not the pin: the same drop may be called by its pin today and by its certificate tomorrow.
    return f"{target.host}:{target.port}".encode() if isinstance(target, TcpAddress) else str(target).encode()


def _label(source: Source | None) -> str:
    """What a person may call it: the first names."""
    if source is None:
        return "text"
    names = [top.name.decode("utf-8", "replace") for top in source.tops]
    more = f" and {len(names) - LABEL_NAMES} more" if len(names) > LABEL_NAMES else ""
    return (", ".join(names[:LABEL_NAMES]) + more)[:1000]


def _tell_ended(job: SendJob, receipt: Receipt) -> None:
    failed = receipt.failed
    faults = {row.fault for row in failed}
    fault = failed[0].fault if len(faults) == 1 and failed else None
    job.tell(
        Ended(
            landed=receipt.landed,
            failed=len(failed),
            skipped=receipt.skipped,
            size=receipt.size,
            sent=receipt.sent_bytes,
            seconds=receipt.seconds,
            level=receipt.level,
            fault=fault.value if fault else "",
        )
    )
