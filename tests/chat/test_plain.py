"""Plain lines in, plain lines out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from landline.chat.client import ChatClient
from landline.chat.notices import Joined, Message, Notice, Refused
from landline.chat.plain import PlainChat
from landline.connection.backoff import Backoff
from landline.connection.reconnect_policy import Reconnect
from landline.errors import ConnectError, ConnectionClosed, RequestRefused
from tests.chat.corechat import CoreChat

QUICK = Reconnect(Backoff(first_seconds=0.001, most_seconds=0.01), first_must_connect=True)
HELLO = ["* connected to landline; you are anna", "* you are in lobby, 1 here, 0 messages so far"]


class Typist:
    """Lines that are typed one after the other, and what is shown; a function among the lines is called."""

    def __init__(self, server: CoreChat, *lines: str | Callable[[], object], secrets: list[str] | None = None) -> None:
        self.server = server
        self.shown: list[str] = []
        self.asked: list[str] = []
        self.lines = lines
        self.secrets = secrets
        self.client = ChatClient(server.address, nick="anna", tail=0, reconnect=QUICK)
        self.plain = PlainChat(self.client, self.shown.append, ask_password=self._ask if secrets is not None else None)

    async def run(self) -> list[str]:
        """Returns what was shown behind the greeting."""
        await self.plain.run(self._typed())
        assert self.shown[:2] == HELLO
        return self.shown[2:]

    async def _typed(self) -> AsyncGenerator[str, None]:
        for line in self.lines:
            if isinstance(line, str):
                yield line
            else:
                result = line()
                if asyncio.iscoroutine(result):
                    await result

    async def _ask(self, question: str) -> str:
        self.asked.append(question)
        assert self.secrets is not None
        return self.secrets.pop(0)

    async def until_shown(self, start: str) -> None:
        while not any(line.startswith(start) for line in self.shown):
            await asyncio.sleep(0.001)


def typed(*lines: str, secrets: list[str] | None = None, filter: Callable[[Notice], list[Notice]] | None = None) -> (
    tuple[list[str], CoreChat, Typist]
):  # fmt: skip
    async def whole() -> tuple[list[str], CoreChat, Typist]:
        async with asyncio.timeout(20), CoreChat() as server:
            if filter is not None:
                server.filter = filter
            typist = Typist(server, *lines, secrets=secrets)
            return await typist.run(), server, typist

    return asyncio.run(whole())


def test_lines_are_said_in_order_and_stored_before_the_end() -> None:
    shown, server, typist = typed("one", "", "//two", " three")
    assert [one.entry.body for one in server.messages["lobby"]] == ["one", "/two", " three"]
    assert (shown, typist.plain.refused) == ([], 0)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["/nope"], ["! there is no command /nope; did you mean /op? /help lists the commands"]),
        (["/help who"], ["* /who [ROOM]", "*   who is in a room; /who * for all"]),
        (["/who"], ["* 1 in lobby: anna"]),
        (["/quit", "never"], []),
        (["/leave", "hello"], ["* you have left lobby"]),
        (
            ["/join den", "hello", "/leave", "/who"],
            ["* you are in den, 1 here, 0 messages so far", "* you have left den"],
        ),
        (["/kick bob"], ["! only a moderator of lobby may do that"]),
        (["/msg bob hi"], ["! not said: nobody called 'bob' is here or has an account"]),
        (["/register"], ["! write /register PASSWORD; /help register says what it does"]),
    ],
    ids=" ".join,
)
def test_commands(lines: list[str], shown: list[str]) -> None:
    assert typed(*lines)[0][: len(shown)] == shown


def test_a_long_message_is_cut_and_that_is_told() -> None:
    shown, server, _ = typed("x" * 5000)
    assert len(server.messages["lobby"][0].entry.body) == 4096
    assert shown == ["* your message 1 in lobby was cut: the most are 4096 bytes"]


def test_what_comes_too_fast_is_said_a_little_later() -> None:
    refusals = [0.001, 0.001]

    def throttled(notice: Notice) -> list[Notice]:
        if type(notice).__name__ == "Ack" and refusals:
            return [Refused(code="too_fast", text="wait", wait=refusals.pop(), cid=getattr(notice, "cid", None))]
        return [notice] if not isinstance(notice, Message) else []

    shown, _, typist = typed("one", filter=throttled)
    assert (shown, typist.plain.refused, refusals) == ([], 0, [])


def test_what_is_refused_is_counted() -> None:
    def muted(notice: Notice) -> list[Notice]:
        if type(notice).__name__ == "Ack":
            return [Refused(code="muted", text="silence", wait=5.0, cid=getattr(notice, "cid", None))]
        return [notice] if not isinstance(notice, Message) else []

    shown, _, typist = typed("one", "two", filter=muted)
    assert (shown, typist.plain.refused) == (["! not said: silence"] * 2, 2)


@pytest.mark.parametrize(
    ("lines", "secrets", "asked", "shown"),
    [
        (
            ["/register", "/logout", "/login anna", "/password"],
            ["a good one", "a good one", "a good one", "a good one", "a better one", "a better one"],
            ["new password: ", "the same again: ", "password of anna: ", "old password: ", "new password: "]
            + ["the same again: "],
            [
                "* you are anna now, and the name is yours",
                "* you are guest-",
                "* you are anna now",
                "* your password is another now",
            ],
        ),
        (["/register"], ["one thing", "another"], ["new password: ", "the same again: "], ["! nothing was changed"]),
        (
            ["/password"],
            ["", "x", ""],
            ["old password: ", "new password: ", "the same again: "],
            ["! nothing was changed"],
        ),
        (["/who"], [], [], ["* 1 in lobby"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and len(value) == 1 else None,
)
def test_passwords_are_asked_for(lines: list[str], secrets: list[str], asked: list[str], shown: list[str]) -> None:
    lines_shown, _, typist = typed(*lines, secrets=list(secrets))
    assert typist.asked == asked
    assert [line[: len(start)] for line, start in zip(lines_shown, shown, strict=True)] == shown


def test_away_and_back_in_words() -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), CoreChat() as server:

            async def break_off() -> None:
                await server.stop()
                await typist.until_shown("! not connected: cannot connect")
                server.store("lobby", "zoe", "one", "two")

            typist = Typist(
                server, "before", break_off, "/who", server.start, lambda: typist.until_shown("* back"), "after"
            )
            shown = await typist.run()
            assert shown[0].startswith("! not connected: ") and "next try in 0.0 s" in shown[0]
            assert "! not done: " in "\n".join(shown)
            assert len([line for line in shown if line.startswith("! not connected: cannot connect")]) == 1
            at = shown.index("lobby zoe: one")
            assert shown[at + 1] == "lobby zoe: two"
            assert shown[at + 2].startswith("* back after ") and shown[at + 2].endswith(
                "2 messages came meanwhile, all are here"
            )
            assert [one.entry.body for one in server.messages["lobby"]] == ["before", "one", "two", "after"]

    asyncio.run(whole())


def test_the_end_of_the_chat_ends_it() -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), CoreChat() as server:
            never = asyncio.Event()
            typist = Typist(server, "one", server.stop, never.wait)
            typist.client._policy = Reconnect(Backoff(max_attempts=1), first_must_connect=True)
            with pytest.raises(ConnectionClosed):
                await typist.run()
            with pytest.raises(ConnectError):
                await Typist(server, "one").run()
            await server.start()

    asyncio.run(whole())


def test_an_output_that_fails_ends_it() -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), CoreChat() as server:

            def broken(line: str) -> None:
                raise BrokenPipeError

            async def silent() -> AsyncGenerator[str, None]:
                await asyncio.Event().wait()
                yield ""

            plain = PlainChat(ChatClient(server.address, reconnect=QUICK), broken)
            with pytest.raises(BrokenPipeError):
                await plain.run(silent())

    asyncio.run(whole())


def test_what_was_asked_for_at_the_start_and_refused_is_counted() -> None:
    def banned(notice: Notice) -> list[Notice]:
        if isinstance(notice, Joined):
            return [Refused(ref=notice.ref, code="banned", text="you are kept out")]
        return [notice]

    async def whole() -> Typist:
        async with asyncio.timeout(20), CoreChat() as server:
            server.filter = banned
            typist = Typist(server, "/nope")
            await typist.plain.run(typist._typed())
            return typist

    typist = asyncio.run(whole())
    assert "! you are kept out" in typist.shown
    assert typist.plain.refused == 2


def test_a_nick_that_is_refused_at_the_door() -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), CoreChat() as server:
            client = ChatClient(server.address, nick="anna", password="wrong", reconnect=QUICK)

            async def nothing() -> AsyncGenerator[str, None]:
                return
                yield ""

            with pytest.raises(RequestRefused, match="do not belong together"):
                await PlainChat(client, print).run(nothing())

    asyncio.run(whole())
