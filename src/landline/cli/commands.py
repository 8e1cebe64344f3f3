"""The commands and their options. What they do stands in a module each, imported when it runs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from typing import Any

import click

from landline._version import __version__
from landline.cli.exits import TABLE, Exit, code_of, leave_output
from landline.cli.tls_options import FILE, CallerOptions, caller_options, server_options, server_tls
from landline.cli.transfer_options import receive_options, send_options
from landline.errors import LandlineError

STREAM_SECONDS = 10.0
DATAGRAM_SECONDS = 2.0
LEAST_SECONDS, MOST_SECONDS = 0.001, 86_400.0


def seconds(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """The length of time that an option gives. Raises click.BadParameter."""
    try:
        value = None if text is None else float(text)
    except ValueError:
        value = 0.0
    if value is not None and not LEAST_SECONDS <= value <= MOST_SECONDS:
        raise click.BadParameter(f"{text!r} is not a number from {LEAST_SECONDS:g} to {MOST_SECONDS:g}")
    return value


framing_option = click.option(
    "--framing",
    metavar="SPEC",
    help="Where a message ends: lines (default), lines:crlf, delimited:HEX, length:u32be, varint, netstring, fixed:N, "
    "slip, cobs, raw.",
)
limit_option = click.option(
    "--limit", "limits", metavar="NAME=VALUE", multiple=True, help="Set a limit; may be given again."
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show more: every step on stderr.")
timeout_option = click.option(
    "--timeout",
    "timeout_seconds",
    callback=seconds,
    metavar="SECONDS",
    help=f"How long to wait for the connection and for each answer (default {STREAM_SECONDS:g}, "
    f"over UDP {DATAGRAM_SECONDS:g}).",
)


@click.group(epilog=TABLE, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="landline %(version)s")
def landline() -> None:
    """Programs that talk over sockets: services, calls, two people on a line, chats for many, and files from here
    to there.

    An ADDRESS is tcp://HOST:PORT (or HOST:PORT), tls://HOST:PORT, udp://HOST:PORT, unix:///PATH, unix://@NAME or, to
    serve on, fd://N.
    """


@landline.command()
@click.argument("what", metavar="[NAME|MODULE:ATTRIBUTE]", required=False)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@framing_option
@limit_option
@server_options
@verbose_option
def serve(
    what: str | None,
    addresses: tuple[str, ...],
    framing: str | None,
    limits: tuple[str, ...],
    verbose: bool,
    **tls: Any,
) -> Exit:
    """Serve: all built-in services, one of them, or one of your own.

    Without arguments the whole exchange answers on 127.0.0.1, over TCP and UDP:

    \b
      upper    8101  answers in upper case
      clock    8102  answers with the time before it
      greet    8103  greets you by the name you send
      hello    8104  says hello world and hangs up
      dice     8105  answers with a number from 1 to 50000
      echo     8106  answers with the same
      discard  8107  takes all and answers nothing
      chat     8110  rooms for many: http://127.0.0.1:8110/, nc, `landline chat`

    MODULE:ATTRIBUTE may also be a Server, or a list of pairs (Service, address). A service without an ADDRESS is served
    on the sockets that systemd passed (LISTEN_FDS), else on a free port. Without a terminal stdout gets one line `NAME
    ADDRESS` for each listener, when it accepts. Ctrl-C stops. With a certificate every stream is TLS, and SIGHUP reads
    the files anew.
    """
    from landline.cli.serve import serve_command

    show_log(verbose, logging.INFO)
    return serve_command(what, addresses, framing, limits, server_tls(**tls), tls["tls"])


@landline.command(short_help="Say what limits a service has, and what is wrong with it.")
@click.argument("what", metavar="NAME|MODULE:ATTRIBUTE")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@framing_option
@limit_option
@server_options
@verbose_option
def check(
    what: str,
    addresses: tuple[str, ...],
    framing: str | None,
    limits: tuple[str, ...],
    verbose: bool,
    **tls: Any,
) -> Exit:
    """Check what `landline serve` with the same arguments would run, without opening anything.

    Prints every limit with its value, unit, source and reason, the handlers, and what is wrong. MODULE:ATTRIBUTE may
    also be a Server, or a list of pairs (Service, address). Ends with 2 if there are errors; warnings alone end with 0.
    Without a terminal each limit, handler and finding is one line that begins with what it is.
    """
    from landline.cli.check import check_command

    show_log(verbose, logging.ERROR)
    return check_command(what, addresses, framing, limits, server_tls(**tls))


@landline.command()
@click.argument("address")
@click.argument("messages", metavar="[MESSAGE]...", nargs=-1)
@framing_option
@timeout_option
@caller_options
@verbose_option
def call(
    address: str,
    messages: tuple[str, ...],
    framing: str | None,
    timeout_seconds: float | None,
    verbose: bool,
    **tls: Any,
) -> Exit:
    """Call a service: send messages, print what comes.

    Without messages, each line of the input is one; on a terminal you type, and `exit` or Ctrl-D ends.
    """
    from landline.cli.call import call_command

    show_log(verbose, logging.ERROR)
    return call_command(address, messages, framing or "lines", timeout_seconds, CallerOptions(**tls))


@landline.command(short_help="Wait for one call, then talk with the caller.")
@click.argument("address")
@framing_option
@caller_options
@verbose_option
def listen(address: str, framing: str | None, verbose: bool, **tls: Any) -> Exit:
    """Wait for one call, then talk: both sides type freely, at the same time."""
    from landline.cli.listen import listen_command

    show_log(verbose, logging.ERROR)
    return listen_command(address, framing or "lines", CallerOptions(**tls))


@landline.command(short_help="Send files to a drop, or to somebody who types a code.")
@click.argument("arguments", metavar="[PATH]... [ADDRESS]", nargs=-1)
@send_options
@verbose_option
def send(arguments: tuple[str, ...], verbose: bool, **told: Any) -> Exit:
    """Send files and folders: to the drop at ADDRESS (tls://…), or to the person you tell the code that is shown.

    - as PATH is the standard input. What has landed is verified and on disk over there. After a break, or a crash of
    either side, run the same command again: it goes on where it was.

    \b
      landline send report.pdf photos 'tls://192.168.1.20:8120?pin=sha256:…'
      landline send report.pdf             shows a code; the other side types `landline receive`

    SIZE and RATE are numbers with K, M, G or T, which are powers of 1024. A path that has :// in it is written ./PATH.
    """
    from landline.cli.send import SendArguments, send_command

    show_log(verbose, logging.ERROR)
    return send_command(arguments, SendArguments(**told))


@landline.command(short_help="Receive files: open a drop, or type a code.")
@click.argument("directory", metavar="[DIR]", required=False)
@receive_options
@verbose_option
def receive(directory: str | None, verbose: bool, **told: Any) -> Exit:
    """Receive files into DIR (default: here).

    Without arguments a code is asked for, that of somebody who runs `landline send`. With DIR or --listen, or without a
    terminal, a drop is opened: it shows its address, the command to send there, and takes what comes until Ctrl-C.
    Without a terminal stdout gets one line `receive ADDRESS` when it accepts. - as DIR is the standard output, for one
    file.

    Nothing gets its name before it is verified and on disk, and nothing is overwritten unless --if-exists says so. SIZE
    and RATE are numbers with K, M, G or T, which are powers of 1024.
    """
    from landline.cli.receive import ReceiveArguments, receive_command

    show_log(verbose, logging.WARNING)
    return receive_command(directory, ReceiveArguments(**told))


@landline.command(short_help="Pass the bytes of two sides that cannot reach each other.")
@click.argument("address", default="tcp://127.0.0.1:8121")
@click.option(
    "--max-pairs",
    type=click.IntRange(1, 100_000),
    default=256,
    show_default=True,
    help="How many pairs it joins at once; each may hold 640 KiB.",
)
@verbose_option
def relay(address: str, max_pairs: int, verbose: bool) -> Exit:
    """Relay: two sides that cannot reach each other both call it, and it passes their bytes.

    What passes is sealed from end to end: a relay sees numbers, addresses and volumes. ADDRESS is tcp://HOST:PORT,
    unix:///PATH or fd://N (default tcp://127.0.0.1:8121; a host alone gets the port 8121). Without a terminal stdout
    gets one line `relay ADDRESS` when it accepts. Ctrl-C stops and tells how many pairs were joined.
    """
    from landline.cli.relay import relay_command

    show_log(verbose, logging.WARNING)
    return relay_command(address, max_pairs)


@landline.group()
def cert() -> None:
    """Make keys and certificates for TLS."""


@cert.command(short_help="Make a key and a certificate.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--ca", is_flag=True, help="Make a private CA too, which signs it and may sign more.")
@click.option("--signed-by", metavar="DIR", help="Let the CA in this folder sign it.")
@click.option("--days", type=int, default=365, show_default=True, help="How long it is good for.")
@click.option("--out", metavar="DIR", default="certs", show_default=True, help="The folder for the files.")
def new(names: tuple[str, ...], ca: bool, signed_by: str | None, days: int, out: str) -> Exit:
    """Make a key and a certificate for NAMEs: DNS names or IP addresses by which the service is called.

    It signs itself, unless there is a CA. What is there already is never overwritten. The certificate does for callers
    as well, who show it where a service asks for one.
    """
    from landline.cli.cert import new_command

    return new_command(names, ca, signed_by, days, out)


class ChatGroup(click.Group):
    """A group whose first argument may be the name of a command, or what `join` takes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; those that begin with no command are for `join`. Returns what is left."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["join", *args]
        return super().parse_args(ctx, args)


@landline.group(cls=ChatGroup, short_help="Rooms in which everyone may speak at any time.")
def chat() -> None:
    """Chat: rooms, direct messages and history, from a terminal, nc, a browser or a program.

    \b
      landline chat serve                  serves one: http://127.0.0.1:8110/, nc 127.0.0.1 8110
      landline chat ADDRESS --as NAME      comes into the chat at ADDRESS (the same as `landline chat join …`)
      landline chat join --help            says what else that takes
    """


@chat.command(short_help="Come into a chat (this is what `landline chat ADDRESS` does).")
@click.argument("address")
@click.option("--as", "nick", metavar="NAME", help="Your nick; without it you are a guest by some name.")
@click.option(
    "--room", "rooms", metavar="ROOM", multiple=True, help="A room to enter (default: lobby); again for more."
)
@click.option("--plain", is_flag=True, help="Plain lines, for pipes and screen readers.")
@click.option("--times", is_flag=True, help="In plain lines, say when each message was said (UTC).")
@click.option("--light", "look", flag_value="light", help="Colours for a light terminal; by default it is asked.")
@click.option("--dark", "look", flag_value="dark", help="Colours for a dark terminal.")
@click.option("--password", is_flag=True, help="Log in as the owner of NAME: the password is asked for.")
@click.option("--token-file", **FILE, help="Come in with the token in this file, such as that of a bot.")
@caller_options
@verbose_option
def join(
    address: str,
    nick: str | None,
    rooms: tuple[str, ...],
    plain: bool,
    times: bool,
    look: str | None,
    password: bool,
    token_file: str | None,
    verbose: bool,
    **tls: Any,
) -> Exit:
    """Come into the chat at ADDRESS, a host alone has the port 8110.

    It comes back by itself when the connection breaks, and says whether anything was missed. Who you are is kept
    between runs, for each NAME and address. Without a terminal, or with --plain, there is one line for each event: what
    somebody says begins with the room, or with @ and a nick; all else with * or, for what went wrong, with !. Each line
    of the input is said in the room you are in, or is a command: /help lists them. At the end of the input it waits
    until all of it is stored.
    """
    from landline.cli.chat import ChatOptions, chat_command

    show_log(verbose, logging.ERROR)
    options = ChatOptions(nick, rooms, plain, times, password, token_file, look or "")
    return chat_command(address, options, CallerOptions(**tls))


@chat.command("serve", short_help="Serve a chat on one port, for nc, browsers, terminals and programs.")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--data", metavar="DIR", help="Where the history is kept (default: the data folder of the user).")
@click.option("--name", default="Landline", show_default=True, help="How the chat is called.")
@click.option(
    "--operator",
    "operators",
    metavar="NICK",
    multiple=True,
    help="Who may moderate all rooms: the owner of this nick, registered on this machine; again for more.",
)
@click.option("--limit", "limits", metavar="NAME=VALUE", multiple=True, help="Set a bound; may be given again.")
@click.option(
    "--cluster", metavar="nats://HOST:PORT", help="Be one of several nodes, with NATS JetStream between them."
)
@click.option(
    "--host", "hosts", metavar="NAME", multiple=True, help="Another name of this machine in the address of the page."
)
@click.option("--origin", "origins", metavar="URL", multiple=True, help="Another site whose pages may connect.")
@click.option("--restored", is_flag=True, help="The folder came back from a backup: say so once, and clients know.")
@click.option("--metrics-token-file", **FILE, help="Let others than this machine read /metrics with this token.")
@server_options
@verbose_option
def serve_chat(verbose: bool, **told: Any) -> Exit:
    """Serve a chat at ADDRESS (default 127.0.0.1:8110): people with nc or telnet, `landline chat`, browsers at
    http://ADDRESS/, and programs that speak JSON lines, all on one port.

    With a certificate (`landline cert new`) callers may speak TLS on the same port, under --tls they must; passwords
    from other machines are taken over TLS only. Without a terminal stdout gets one line `chat ADDRESS` when it accepts.
    On Ctrl-C or SIGTERM everybody is told, what was said is stored, and clients come back by themselves. /metrics has
    counts for Prometheus.
    """
    from landline.cli.chat_serve import ChatServing, chat_serve_command

    show_log(verbose, logging.INFO)
    tls = {name: told.pop(name) for name in ("tls", "certificates", "keys", "client_ca")}
    return chat_serve_command(ChatServing(only_tls=tls["tls"], **told), server_tls(**tls))


def show_log(verbose: bool, level: int) -> None:
    """Send the log to stderr, a line an event."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else level,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        stream=sys.stderr,
    )
    # asyncio's own debug lines tell of selectors, not of connections.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # That nothing is checked is said on every run, also where only errors are shown.
    logging.getLogger("landline.tls").setLevel(logging.WARNING)


def run_command(arguments: list[str]) -> Exit:
    """Run the command with `arguments`. Returns its exit code; an error is one sentence on stderr."""
    try:
        return landline.main(arguments, prog_name="landline", standalone_mode=False) or Exit.DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except click.UsageError as error:
        help_command = f"{error.ctx.command_path if error.ctx else 'landline'} --help"
        return _ended(f"{error.format_message().rstrip('.')} (see `{help_command}`)", Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except LandlineError as error:
        return _ended(str(error), code_of(error))
    except (SystemExit, BrokenPipeError):
        # Whoever read our output has gone (click makes a SystemExit of that); there is nobody to tell.
        leave_output()
        return Exit.DONE
    except OSError as error:
        leave_output()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        return _ended(f"the system refused: {reason}; -v shows where", Exit.FAULT)
    except Exception as error:
        return _ended(f"a fault in landline: {type(error).__name__}: {error}; -v shows where", Exit.FAULT)


def _ended(sentence: str, code: Exit) -> Exit:
    if logging.getLogger().isEnabledFor(logging.DEBUG):  # that is, -v
        traceback.print_exc()
    # The terminal may be what has gone.
    with contextlib.suppress(OSError):
        click.echo(f"landline: {sentence}", err=True)
    return code
