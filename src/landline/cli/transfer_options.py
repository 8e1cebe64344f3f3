"""The options that `send` and `receive` share, and the readers of their values."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

Command = Callable[..., Any]

RELAY_VARIABLE = "LANDLINE_RELAY"
CODE_VARIABLE = "LANDLINE_CODE"
ASK = "\0ask"
"""The value of `--code` that was given without one. No argument can hold a zero byte."""
POLICIES = ("refuse", "rename", "replace", "skip-same")
_FILE: dict[str, Any] = {"metavar": "FILE", "type": click.Path(readable=False)}


LEAST_RATE = 1024
"""A slower transfer would be taken for a dead one."""


def byte_rate(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """The bytes a second that an option gives. Raises click.BadParameter."""
    found = byte_size(context, parameter, text)
    if found is not None and found < LEAST_RATE:
        raise click.BadParameter(f"{text!r} is less than 1K, 1024 bytes a second; give more, or leave it out")
    return found


def byte_size(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """The bytes that an option gives. Raises click.BadParameter."""
    from landline.cli.transfer_text import parse_size
    from landline.errors import UsageError

    try:
        return None if text is None else parse_size(text)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def size_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    """An option whose value is a size or a rate."""
    return click.option(name, metavar=metavar, callback=byte_size, help=text)


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """What both `send` and `receive` were told."""

    if_exists: str | None = None
    limit: int | None = None
    streams: int | None = None
    wait_space: float = 0.0
    relay: str | None = None
    trusted_link: bool = False
    trust_peer: tuple[str, ...] = ()
    json: bool = False
    explain: bool = False
    qr: bool | None = None

    @property
    def relay_address(self) -> str | None:
        """The relay that was named, on the command line or in the environment."""
        return self.relay or os.environ.get(RELAY_VARIABLE) or None


def transfer_options(command: Command) -> Command:
    """Add the options of TransferOptions; the command gets them as keyword arguments."""
    for option in reversed((
        click.option("--if-exists", type=click.Choice(POLICIES),
                     help="What to do with a file that is there already (default refuse); a sender only asks for it."),
        click.option("--limit", metavar="RATE", callback=byte_rate,
                     help="Move at most so much a second, for example 10M (K, M, G are powers of 1024)."),
        click.option("--streams", type=click.IntRange(1, 8), metavar="N",
                     help="Data connections, 1 to 8 (default: as the link needs)."),
        click.option("--wait-space", type=click.FloatRange(0, 86400), default=0.0, metavar="SECONDS",
                     help="If the disk is full, wait so long for room instead of failing."),
        click.option("--relay", metavar="ADDRESS", help=f"Meet at this relay too, with a code (or ${RELAY_VARIABLE})."),
        click.option("--trusted-link", is_flag=True,
                     help="Move data without encryption, but verified, on this machine or with a --trust-peer; "
                     "both sides must ask for it."),
        click.option("--trust-peer", metavar="NAME", multiple=True,
                     help="A host that --trusted-link may be used with; again for more."),
        click.option("--json", is_flag=True, help="Print events, one JSON object a line, and nothing else."),
        click.option("--explain", is_flag=True,
                     help="Say what holds the transfer up: disk, hash, cipher, link or window."),
        click.option("--qr/--no-qr", default=None, help="Show the address or code as a QR code, or do not."),
    )):  # fmt: skip
        command = option(command)
    return command


def send_options(command: Command) -> Command:
    """Add the options of `send` alone."""
    for option in reversed((
        click.option("--text", metavar="TEXT", help="Send a short text instead of files."),
        click.option("--name", metavar="NAME",
                     help="What the standard input is called on the other side (default stdin)."),
        click.option("--ca", **_FILE, help="Trust a drop with a certificate of these CAs (PEM)."),
        click.option("--token-file", **_FILE, help="The file that holds your token for the drop."),
        click.option("--symlinks", type=click.Choice(("keep", "follow", "skip")),
                     help="Symbolic links: sent as links (default), followed, or left out."),
        click.option("--receipt", metavar="FILE", help="Write a receipt of what landed; FILE must not be there yet."),
        click.option("--verify", metavar="RECEIPT",
                     help="Send nothing; ask whether the files of a receipt are still as they landed."),
    )):  # fmt: skip
        command = option(command)
    return transfer_options(command)


def receive_options(command: Command) -> Command:
    """Add the options of `receive` alone."""
    for option in reversed((
        click.option("--listen", metavar="ADDRESS", help="Open a drop at this address (default tls://127.0.0.1:8120)."),
        click.option("--code", is_flag=False, flag_value=ASK, metavar="[CODE]",
                     help=f"Receive by code; without a value it is asked for (or taken from ${CODE_VARIABLE})."),
        click.option("--yes", is_flag=True, help="Take what is offered without asking."),
        click.option("--once", is_flag=True, help="End after one transfer."),
        click.option("--tokens", **_FILE, help="Let in only those with a token of this file: NAME TOKEN [FOLDER]."),
        click.option("--certificate", **_FILE, help="Show this certificate (PEM) instead of the drop's own."),
        click.option("--key", **_FILE, help="The key of the certificate."),
        size_option("--quota", "SIZE", "Take at most so much in all, for each token."),
        size_option("--max-file", "SIZE", "Take no larger file."),
        click.option("--max-files", type=click.IntRange(1), metavar="N",
                     help="Take at most so many files in one transfer."),
        click.option("--keep-partial", type=click.FloatRange(0, 3650), default=7.0, show_default=True, metavar="DAYS",
                     help="Keep what has come of a broken transfer so long, for its sender to go on."),
        click.option("--on-complete", metavar="PROGRAM", multiple=True,
                     help="Run this after each transfer, with folder, transfer and label as arguments; "
                     "again for arguments that come before these."),
        click.option("--symlinks", type=click.Choice(("skip", "inside", "keep")),
                     help="Symbolic links: left out, taken if they stay inside, or all."),
    )):  # fmt: skip
        command = option(command)
    return transfer_options(command)
