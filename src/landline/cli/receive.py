"""`landline receive`: open a drop, or take what somebody sends with a code."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landline.address import Address, TcpAddress, TlsAddress
from landline.address import parse as parse_address
from landline.cli.exits import CommandError, Exit
from landline.cli.qr import show_qr
from landline.cli.transfer_options import ASK, CODE_VARIABLE, TransferOptions
from landline.cli.transfer_run import Watch, print_summary, run_to_end, terminal_shows
from landline.cli.transfer_text import amount, amount_of, count, listing, shown, shown_text, size
from landline.cli.transfer_view import view_for
from landline.cli.typing_in import somebody_types
from landline.errors import CodeError, UsageError
from landline.transfer.events import Event, Observer, Offered, Ready

if TYPE_CHECKING:
    from landline.transfer.code import Code
    from landline.transfer.manifest import Entry
    from landline.transfer.options import ReceiveOptions
    from landline.transport.tls import ServerTls

DROP_ADDRESS = TlsAddress("127.0.0.1", 8120)
WILDCARDS = ("0.0.0.0", "::")
TURN_SECONDS = 0.5
GO_ON = "ask for a new code and run the same command again; it goes on where it was"


@dataclass(frozen=True, slots=True)
class ReceiveArguments(TransferOptions):
    """What `receive` was told."""

    listen: str | None = None
    code: str | None = None
    yes: bool = False
    once: bool = False
    tokens: str | None = None
    certificate: str | None = None
    key: str | None = None
    quota: int | None = None
    max_file: int | None = None
    max_files: int | None = None
    keep_partial: float = 7.0
    on_complete: tuple[str, ...] = ()
    symlinks: str | None = None


def receive_command(directory: str | None, told: ReceiveArguments) -> Exit:
    """Receive; see `landline receive --help`. Returns the exit code; raises LandlineError for all but 0."""
    code = find_code(directory, told)
    place = "." if directory is None else directory
    if code is not None:
        return by_code(place, code, told)
    return open_drop(place, told)


def find_code(directory: str | None, told: ReceiveArguments) -> Code | None:
    """The code to receive by, or None to open a drop. A person may be asked. Raises UsageError."""
    if told.listen is not None:
        if told.code is not None:
            raise UsageError("--code and --listen do not go together: with a code the other side listens")
        return None
    given = told.code if told.code not in (None, ASK) else None
    if given is not None:
        click.echo("landline: others on this machine can read a code that stands in a command; "
                   "leave it out of --code, and it is asked for", err=True)  # fmt: skip
        return _parsed(given)
    if os.environ.get(CODE_VARIABLE):
        return _parsed(os.environ[CODE_VARIABLE])
    if told.code == ASK:
        return ask_for_code("Code") if somebody_types() else _parsed(_piped_code())
    if directory is None and somebody_types() and not _drop_options(told):
        return ask_for_code("Code (or Enter to open a drop here)", may_be_empty=True)
    return None


def _piped_code() -> str:
    """The line that stands on the standard input. Raises UsageError."""
    line = sys.stdin.readline().strip()
    if not line:
        raise UsageError(f"no code came on the standard input; write it there, or into ${CODE_VARIABLE}")
    return line


def ask_for_code(question: str, may_be_empty: bool = False) -> Code | None:
    """Ask a person for a code until it is one; None if nothing was typed and that is allowed."""
    complete_words()
    while True:
        typed = str(click.prompt(question, default="", show_default=False, err=True)).strip()
        if not typed and may_be_empty:
            return None
        try:
            return _parsed(typed)
        except CodeError as error:
            click.echo(f"{error}; try again", err=True)


def complete_words() -> None:
    """Let the Tab key complete the words of a code, where Python was built with readline."""
    from landline.transfer.words import load_words

    try:
        import readline
    except ImportError:
        return
    words = load_words()

    def complete(begun: str, number: int) -> str | None:
        found = [word for word in words if begun and word.startswith(begun.lower())]
        return found[number] if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" -")
    readline.parse_and_bind("tab: complete")


def _parsed(text: str) -> Code:
    from landline.transfer.code import parse_code
    from landline.transfer.words import load_words

    return parse_code(text, load_words())


def _drop_options(told: ReceiveArguments) -> bool:
    """Whether an option was given that only a drop has."""
    return any((told.once, told.tokens, told.certificate, told.quota, told.max_files, told.on_complete))


def receive_options_of(told: ReceiveArguments) -> ReceiveOptions:
    """The settings of the transfers. Raises LimitError."""
    from landline.transfer.options import ReceiveOptions

    given = {
        "if_exists": told.if_exists,
        "symlinks": told.symlinks,
        "limit_bytes_per_second": told.limit,
        "streams": told.streams,
        "max_file_bytes": told.max_file,
        "max_files": told.max_files,
        "quota_bytes": told.quota,
    }
    return ReceiveOptions(
        wait_space_seconds=told.wait_space,
        keep_partial_days=told.keep_partial,
        trusted_link=told.trusted_link,
        trusted_peers=told.trust_peer,
        on_complete=told.on_complete,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )


def by_code(directory: str, code: Code, told: ReceiveArguments) -> Exit:
    """Take what the sender with this code has. Raises LandlineError."""
    if not told.yes and not somebody_types():
        raise UsageError("nobody can be asked without a terminal; give --yes to take what is offered")
    if _drop_options(told):
        raise UsageError(
            "--once, --tokens, --certificate, --quota, --max-files and --on-complete are for a drop; leave them out"
        )
    from landline.transfer.receivefiles import receive

    view = view_for(told.json, told.explain)
    watch = Watch(view, told.limit, on_said=lambda said: click.echo(shown_text(said.text)))
    refused: list[bool] = []

    def accept(offered: Offered, entries: Sequence[Entry]) -> bool:
        agreed = told.yes or agrees(offered, entries)
        refused.append(not agreed)
        return agreed

    def work(observer: Observer) -> None:
        """Receive what the sender with the code has."""
        receive(
            os.fsencode(directory),
            code,
            relay=told.relay_address,
            accept=accept,
            options=receive_options_of(told),
            on_event=observer,
        )

    if not told.json:
        click.echo("looking for the sender …", err=True)
    try:
        run_to_end(work, watch, view, GO_ON)
    except Exception:
        if refused and refused[-1]:
            raise CommandError(Exit.REFUSED, "you did not accept it; nothing was written") from None
        raise
    if refused and refused[-1]:
        raise CommandError(Exit.REFUSED, "you did not accept it; nothing was written")
    if watch.ended is not None and watch.ended.level != "shown":
        print_summary(watch, view, _place(directory), to_stderr=directory == "-")
    return watch.code


def _place(directory: str) -> str:
    """Where things land, in words."""
    return "the standard output" if directory == "-" else os.path.abspath(directory)


def agrees(offered: Offered, entries: Sequence[Entry]) -> bool:
    """Show a person what is offered, and ask."""
    from landline.transfer.manifest import OPEN_ENTRIES

    # Even an empty folder is an entry; only a text has none.
    known = offered.files is not None or offered.size is not None
    # The list that a person is asked about is whole but for very long ones.
    least = "at least " if not known and len(entries) >= OPEN_ENTRIES else ""
    told = amount(offered.files, offered.size) if known else f"{least}{amount_of(entries)}"
    what = f"{told}:" if entries else "a short text"
    click.echo(f"{shown(offered.peer)} offers {what}", err=True)
    for line in listing(entries):
        click.echo(line, err=True)
    return click.confirm("Accept?", default=False, err=True)


def open_drop(directory: str, told: ReceiveArguments) -> Exit:
    """Take what senders bring until somebody stops it, or (`--once`) one transfer is over. Raises LandlineError."""
    if told.relay:
        raise UsageError("--relay is for codes; a drop is called at its address")
    where = drop_address(told.listen)
    if directory == "-":
        return _one_to_stdout(where, told)
    from landline.transfer.drop import Drop

    check_program(told.on_complete)
    view = view_for(told.json, told.explain, _place(directory))
    watch = Watch(view, told.limit, on_said=lambda said: view.say(f"{shown(said.peer)} says: {shown_text(said.text)}"))

    def work(observer: Observer) -> None:
        """Keep the drop open."""
        with Drop(
            os.fsencode(directory),
            where,
            tls=_own_tls(told),
            tokens=Path(told.tokens) if told.tokens is not None else None,
            options=receive_options_of(told),
            on_event=_without_ready(observer),
        ) as drop:
            announce(reachable(parse_address(drop.address)), directory, told, observer)
            while not (drop.wait_once(TURN_SECONDS) and told.once):
                pass

    try:
        run_to_end(work, watch, view)
    except CommandError as error:
        if error.code is not Exit.INTERRUPTED:
            raise
        return _stopped(watch, told)
    return watch.code


def check_program(program: tuple[str, ...]) -> None:
    """Find out now, and not after the first transfer, that a program cannot be run. Raises UsageError."""
    if program and shutil.which(program[0]) is None:
        raise UsageError(f"{program[0]!r} of --on-complete is no program that can be run; give one, with its path")


def _one_to_stdout(where: TlsAddress, told: ReceiveArguments) -> Exit:
    """A drop for one file, which goes to the standard output as it comes; all that is said goes elsewhere."""
    from landline.transfer.receivefiles import receive

    if told.json:
        raise UsageError("--json and - both want the standard output; leave one out")
    if told.tokens or told.certificate or told.on_complete:
        raise UsageError(
            "--tokens, --certificate and --on-complete are for a drop in a folder; give a DIR in place of -"
        )
    view = view_for(False, told.explain)
    watch = Watch(view, told.limit, on_ready=lambda ready: click.echo(f"receive {ready.address}", err=True))
    run_to_end(
        lambda observer: _ignore(receive(b"-", address=where, options=receive_options_of(told), on_event=observer)),
        watch,
        view,
    )
    print_summary(watch, view, "the standard output", to_stderr=True)
    return watch.code


def _ignore(_: object) -> None:
    """The events have told it."""


def _without_ready(observer: Observer) -> Observer:
    """The same observer without the address that the drop itself would tell: ours says how others reach it."""

    def observe(event: Event) -> None:
        if not isinstance(event, Ready):
            observer(event)

    return observe


def _stopped(watch: Watch, told: ReceiveArguments) -> Exit:
    """Say how a drop ended that somebody has stopped."""
    if watch.under_way:
        cut = f"{count(len(watch.under_way), 'transfer')} cut off"
        raise CommandError(Exit.INTERRUPTED, f"{cut}; open the drop again, and the senders go on where they were")
    if not told.json:
        files = f"{count(watch.landed, 'file')}, {size(watch.bytes)}"
        click.echo(f"closed: {count(watch.transfers, 'transfer')}, {files}", err=True)
    return Exit.DONE


def drop_address(text: str | None) -> TlsAddress:
    """Where the drop listens. Raises UsageError or AddressError."""
    where = DROP_ADDRESS if text is None else parse_address(text)
    if isinstance(where, TcpAddress) and "://" not in (text or "://"):
        return TlsAddress(where.host, where.port, where.v6only)
    if not isinstance(where, TlsAddress):
        raise UsageError(f"files always travel over TLS, and {where} has none; write tls://HOST:PORT")
    if where.pin is not None:
        raise UsageError("a pin is for those who call; leave ?pin=… out of --listen")
    return where


def reachable(address: Address) -> Address:
    """The address by which others on the network call a drop that listens everywhere."""
    from landline.transport.interfaces import ipv4_addresses

    if not isinstance(address, TlsAddress) or address.host not in WILDCARDS:
        return address
    own = next(iter(ipv4_addresses()), "127.0.0.1")
    return replace(address, host=own, v6only=False)


def announce(address: Address, directory: str, told: ReceiveArguments, observer: Observer) -> None:
    """Say that the drop accepts: to a person, to a program, or as an event."""
    if told.json:
        observer(Ready(address=str(address), pin=getattr(address, "pin", None) or ""))
    elif not terminal_shows():
        print(f"receive {address}", flush=True)
    else:
        # The words stand below it, where they are seen on a small terminal too.
        show_qr(str(address), told.qr)
        for line in drop_lines(address, directory, told):
            click.echo(line)
    if told.tokens is None and told.listen is not None and not _is_local(address):
        click.echo("Everybody who has this address may send; --tokens FILE lets in only those with a token.", err=True)


def drop_lines(address: Address, directory: str, told: ReceiveArguments) -> list[str]:
    """What a person reads when a drop is open."""
    from landline.cli.serve import this_command

    # How the command is called here, another machine does not know.
    command = this_command() if _is_local(address) else "landline"
    lines = [
        f"What is sent to this drop lands in {shown(os.path.abspath(directory))}",
        "",
        f"  address  {address}",
        f"  pin      {getattr(address, 'pin', None)}",
        "",
        "To send something here:",
        "",
        f"  {command} send PATH… {shlex.quote(str(address))}",
        "",
    ]
    if _is_local(address):
        lines.append("Only programs on this machine reach it; --listen tls://0.0.0.0:8120 opens it to others.")
    return [*lines, "Ctrl-C closes it." if not told.once else "It closes after one transfer, or with Ctrl-C."]


def _is_local(address: Address) -> bool:
    return isinstance(address, TcpAddress) and (address.host.startswith("127.") or address.host in ("::1", "localhost"))


def _own_tls(told: ReceiveArguments) -> ServerTls | None:
    """The certificate that somebody has chosen; None for the one the drop keeps. Raises UsageError."""
    from landline.transport.tls import ServerTls

    if told.certificate is None:
        if told.key is not None:
            raise UsageError("--key belongs to a certificate; give --certificate FILE too")
        return None
    return ServerTls(told.certificate, told.key)
