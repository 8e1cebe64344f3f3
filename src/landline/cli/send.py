"""`landline send`: files to a drop, or to somebody who types a code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landline.address import TcpAddress, TlsAddress, UnixAddress
from landline.address import parse as parse_address
from landline.cli.exits import CommandError, Exit
from landline.cli.qr import show_qr
from landline.cli.transfer_options import TransferOptions
from landline.cli.transfer_run import Watch, print_summary, run_to_end, tell_end, terminal_shows
from landline.cli.transfer_text import LEVELS, LISTED, MOST_SENTENCE, count, shown
from landline.cli.transfer_view import view_for
from landline.errors import AddressError, UsageError
from landline.transfer.events import Began, Checked, Observer, Offered, Ready, as_json

if TYPE_CHECKING:
    from landline.transfer.options import SendOptions
    from landline.transfer.receipt import Receipt
    from landline.transfer.verifying import Verified

DropAddress = TlsAddress | UnixAddress
GO_ON_BY_CODE = "run the same command again on both sides, with the new code; it goes on where it was"


@dataclass(frozen=True, slots=True)
class SendArguments(TransferOptions):
    """What `send` was told."""

    text: str | None = None
    name: str | None = None
    ca: str | None = None
    token_file: str | None = None
    symlinks: str | None = None
    receipt: str | None = None
    verify: str | None = None


def send_command(arguments: tuple[str, ...], told: SendArguments) -> Exit:
    """Send, or check a receipt; see `landline send --help`. Returns the exit code; raises LandlineError."""
    paths, address = split(arguments)
    if told.verify is not None:
        return _verify(told.verify, paths, address, told)
    check(paths, address, told)
    from landline.transfer.sendfiles import send

    place = _Place(address)
    view = view_for(told.json, told.explain)
    watch = Watch(view, told.limit, on_ready=lambda ready: show_code(ready, told.qr))

    def work(observer: Observer) -> None:
        """Send, and keep the receipt."""
        receipt = send(
            [os.fsencode(path) for path in paths],
            address,
            text=told.text,
            options=send_options_of(told),
            on_event=place.noticing(observer),
            relay=told.relay_address if address is None else None,
            **trust(told),
        )
        if told.receipt is not None:
            save_receipt(told.receipt, receipt)

    run_to_end(work, watch, view, *([GO_ON_BY_CODE] if address is None else []))
    if told.text is not None and watch.ended is not None and not told.json:
        tell_end(f"the text is {LEVELS.get(watch.ended.level, 'there')} at {shown(place.name)}")
    else:
        print_summary(watch, view, place.name)
    return watch.code


def split(arguments: tuple[str, ...]) -> tuple[list[str], DropAddress | None]:
    """The paths, and the address if the last argument begins `SCHEME://`. Raises UsageError or AddressError.

    A Unix socket is one that leads to a drop elsewhere, as `ssh -L` makes them.
    """
    scheme, separator, _ = arguments[-1].partition("://") if arguments else ("", "", "")
    if not separator or "/" in scheme:
        _check_no_bare_address(arguments)
        return list(arguments), None
    where = parse_address(arguments[-1])
    if not isinstance(where, DropAddress):
        instead = _tls(where) if isinstance(where, TcpAddress) else "tls://HOST:PORT"
        raise UsageError(
            f"files always travel over TLS, and {where} has none; write {instead} "
            f"(a path with :// in it is written ./{arguments[-1]})"
        )
    return list(arguments[:-1]), where


def _check_no_bare_address(arguments: tuple[str, ...]) -> None:
    """What is no file here, but reads like HOST:PORT, is an address without its scheme. Raises UsageError."""
    last = arguments[-1] if arguments else ""
    if ":" not in last or os.path.lexists(last):
        return
    try:
        where = parse_address(last)
    except AddressError:
        return
    pin = "" if "?" in last else "?pin=…"
    raise UsageError(f"{last!r} is not there; if it is the address of a drop, write {_tls(where)}{pin}")


def _tls(where: object) -> str:
    return f"tls://{str(where).partition('://')[2]}"


def check(paths: list[str], address: DropAddress | None, told: SendArguments) -> None:
    """Find what does not go together before anything is opened. Raises UsageError."""
    if told.text is not None and paths:
        raise UsageError(f"--text goes alone; leave {paths[0]!r} out, or send it by itself")
    if told.text is None and not paths:
        raise UsageError("there is nothing to send; give a PATH, - for the standard input, or --text")
    if told.text == "":
        raise UsageError("the text of --text is empty; write something")
    if paths.count("-") > 1 or ("-" in paths and len(paths) > 1):
        raise UsageError("- (the standard input) goes alone; send the other paths by themselves")
    if told.name is not None and paths != ["-"]:
        raise UsageError("--name is for the standard input; give - as PATH, or leave it out")
    if address is None and (told.ca or told.token_file):
        raise UsageError("--ca and --token-file are for a drop; give its address as the last argument")
    if address is not None and told.relay:
        raise UsageError("--relay is for codes; leave it out, or leave the address out")
    if told.receipt is not None and os.path.lexists(told.receipt):
        raise UsageError(f"the receipt {told.receipt!r} is there already and is not overwritten; name another file")
    if told.receipt is not None and not os.access(folder := os.path.dirname(told.receipt) or ".", os.W_OK | os.X_OK):
        raise UsageError(f"the receipt {told.receipt!r} cannot be written: {folder!r} is no folder we may write in")


def send_options_of(told: SendArguments) -> SendOptions:
    """The settings of the transfer. Raises LimitError."""
    from landline.transfer.options import SendOptions

    given: dict[str, Any] = {"symlinks": told.symlinks, "stream_name": os.fsencode(told.name) if told.name else None}
    return SendOptions(
        if_exists=told.if_exists,  # type: ignore[arg-type]  # click has checked it
        limit_bytes_per_second=told.limit,
        streams=told.streams,
        wait_space_seconds=told.wait_space,
        trusted_link=told.trusted_link,
        trusted_peers=told.trust_peer,
        **{name: value for name, value in given.items() if value is not None},
    )


def trust(told: SendArguments) -> dict[str, Any]:
    """How the drop is known, and how we are known there. Raises UsageError or CertificateError."""
    found: dict[str, Any] = {}
    if told.ca is not None:
        from landline.transport.tls import ClientTls

        found["tls"] = ClientTls(ca=told.ca)
    if told.token_file is not None:
        from landline.transfer.tokens import read_token

        found["token"] = read_token(Path(told.token_file))
    return found


def show_code(ready: Ready, qr: bool | None) -> None:
    """Show a person, or a program, the code that the other side has to type."""
    if not terminal_shows():
        click.echo(f"code {ready.code}")
        return
    click.echo("On the other machine type `landline receive`, and this code when it asks for it:\n")
    click.echo(f"    {ready.code}\n")
    if qr:
        show_qr(ready.code, qr)
    click.echo("The code is good for one try. Waiting for the other side; Ctrl-C stops.")


def save_receipt(path: str, receipt: Receipt) -> None:
    """Write a receipt for its owner alone; nothing is overwritten. Raises CommandError."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(_as_bytes(receipt.to_json()))
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise CommandError(Exit.FAULT, f"the receipt {path!r} cannot be written: {reason}") from error


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _verify(path: str, paths: list[str], address: DropAddress | None, told: SendArguments) -> Exit:
    """Ask the drop of a receipt whether its files are still as they landed."""
    if paths or told.text is not None:
        raise UsageError("--verify sends nothing; leave the paths and --text out")
    from landline.transfer.receipt import Receipt
    from landline.transfer.verifying import verify

    receipt = Receipt.from_json(_read(path))
    checked = verify(receipt, address, **trust(told))
    wrong = [one for one in checked if one.fault is not None]
    if told.json:
        for one in checked:
            _tell_checked(one)
        return Exit.MALFORMED if wrong else Exit.DONE
    for one in wrong[:LISTED]:
        landed = f" (landed as {shown(one.file.path)})" if one.file.path not in ("", one.file.name) else ""
        problem = shown(one.detail or str(one.fault), MOST_SENTENCE)
        click.echo(f"{shown(one.file.name)}{landed}: {problem}", err=True)
    if len(wrong) > LISTED:
        click.echo(f"… and {len(wrong) - LISTED} more", err=True)
    good = len(checked) - len(wrong)
    files = f"{count(len(checked), 'file')} {'is as it' if len(checked) == 1 else 'are as they'} landed"
    click.echo(f"{good} of {files} at {shown(_place(address) if address is not None else _bare(receipt.address))}")
    return Exit.MALFORMED if wrong else Exit.DONE


def _tell_checked(one: Verified) -> None:
    file = one.file
    fault = "" if one.fault is None else str(one.fault)
    event = Checked(file=file.file, name=file.name, path=file.path, fault=fault, detail=one.detail)
    click.echo(as_json(event).decode())


def _place(address: DropAddress) -> str:
    """An address without its pin, which is long and says nothing to a person."""
    return _bare(str(address))


def _bare(address: str) -> str:
    return address.partition("?")[0]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"the receipt {path!r} cannot be read: {os.strerror(error.errno or 0).lower()}") from error


class _Place:
    """Where it goes, in a word: the address without its pin, or who came with the code."""

    def __init__(self, address: DropAddress | None) -> None:
        self.name = _place(address) if address else "the other side"
        self._known = address is not None

    def noticing(self, observer: Observer) -> Observer:
        """The same observer; who the other side is, is noticed on the way."""

        def observe(event: Any) -> None:
            if isinstance(event, Offered | Began) and not self._known:
                self.name = event.peer
            observer(event)

        return observe
