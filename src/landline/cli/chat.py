"""`landline chat ADDRESS`: come into a chat, on a terminal or in plain lines."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import click

from landline.address import Address, TcpAddress, host_port
from landline.chat.client import ChatClient
from landline.chat.link import chat_address
from landline.chat.names import clean_room
from landline.chat.plain import PlainChat
from landline.chat.tokenfile import TokenFile, read_token
from landline.cli.exits import CommandError, Exit
from landline.cli.render import visible
from landline.cli.tls_options import CallerOptions
from landline.cli.typing_in import above_the_prompt, loop_for_input, piped_lines, somebody_types, typed_lines
from landline.errors import ChatError, ConnectionClosed, NameRefused, UsageError
from landline.limits import Limits


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What `landline chat` was told of who comes in, where, and how it is shown."""

    nick: str | None = None
    rooms: tuple[str, ...] = ()
    plain: bool = False
    times: bool = False
    password: bool = False
    token_file: str | None = None
    look: str = ""


def chat_command(address: str, options: ChatOptions, tls: CallerOptions) -> Exit:
    """Come into a chat; see `landline chat --help`. Returns the exit code; raises LandlineError for all but 0."""
    where = chat_address(address)
    _check_names(options)
    client = _client(where, options, tls)
    is_plain = options.plain or not (sys.stdin.isatty() and sys.stdout.isatty())
    talk = _in_plain_lines(client, times=options.times) if is_plain else _on_the_screen(client, options.look)
    with asyncio.Runner(loop_factory=loop_for_input()) as runner:
        try:
            return runner.run(talk)
        except ConnectionClosed as error:
            if client.view.me.id or not isinstance(where, TcpAddress) or tls.for_call(where) is not None:
                raise
            there = f"tls://{host_port(where.host, where.port)}"
            raise CommandError(Exit.LOST, f"{error} before any greeting; if it speaks TLS only, call {there}") from None


def _check_names(options: ChatOptions) -> None:
    """Raises UsageError for a nick or a room that no chat would take; what else a nick must be, the chat says."""
    names = [("--room", room) for room in options.rooms]
    if options.nick is not None:
        names.append(("--as", options.nick))
    for option, name in names:
        try:
            clean_room(name)
        except NameRefused as refused:
            raise UsageError(f"{option}: {refused}") from None
        except ChatError:
            # Without the library that knows all letters, the chat is left to say it.
            return


def _client(where: Address, options: ChatOptions, tls: CallerOptions) -> ChatClient:
    if options.token_file is not None and options.password:
        raise UsageError("--token-file and --password are two ways to say who you are; give one of them")
    if options.password and options.nick is None:
        raise UsageError("--password is that of a nick; give it with --as NAME")
    kept = None if options.nick is None else TokenFile(str(where), options.nick)
    password = token = None
    if options.token_file is not None:
        token, kept = read_token(options.token_file), None
    elif options.password:
        password = _ask_first(f"password of {options.nick}")
    elif kept is not None:
        token = kept.load()

    def keep(token: str) -> None:
        # Who logs in as somebody else keeps that token under the name it belongs to.
        if kept is not None:
            me = client.view.me
            (TokenFile(str(where), me.nick) if me.account is not None else kept).save(token)

    client = ChatClient(
        where, nick=options.nick, token=token, password=password, tls=tls.for_call(where),
        rooms=options.rooms or ("lobby",), tail=0 if options.plain or not somebody_types() else 50,
        on_token=keep, token_may_be_old=kept is not None,
    )  # fmt: skip
    return client


def _ask_first(what: str) -> str:
    if not somebody_types():
        raise UsageError("--password asks for it on a terminal, and here is none; give a program a --token-file")
    return str(click.prompt(what, hide_input=True, err=True))


async def _on_the_screen(client: ChatClient, look: str) -> Exit:
    from landline.chat.terminal.run import run_terminal

    async with client:
        error = await run_terminal(client, look=look)
    if error is not None:
        raise error
    return Exit.DONE


async def _in_plain_lines(client: ChatClient, *, times: bool) -> Exit:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the output is not UTF-8, what it cannot show becomes an escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    if somebody_types():
        click.echo(f"calling {client.address}; /help lists the commands, /quit or Ctrl-D ends", err=True)
        with above_the_prompt():
            await PlainChat(client, _print, ask_password=_ask_hidden, times=times).run(_typed())
        return Exit.DONE
    plain = PlainChat(client, _print, times=times)
    await plain.run(_decoded(piped_lines(Limits())))
    if plain.refused:
        count = "1 thing was" if plain.refused == 1 else f"{plain.refused} things were"
        raise CommandError(Exit.REFUSED, f"{count} refused; the output says why")
    return Exit.DONE


def _print(line: str) -> None:
    print(visible(line.encode("utf-8", "surrogatepass")), flush=True)


async def _typed() -> AsyncGenerator[str, None]:
    async for line in typed_lines(lambda line: None):
        yield line.decode("utf-8", "replace")


async def _decoded(lines: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    async for line in lines:
        yield line.decode("utf-8", "replace")


async def _ask_hidden(question: str) -> str:
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = PromptSession()
    try:
        return await session.prompt_async(question, is_password=True)
    except EOFError:
        return ""
