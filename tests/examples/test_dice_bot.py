"""The dice bot: what it answers, and that it does so in a chat."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

import dice_bot
from landline import Server
from landline.chat import ChatClient, chat_service
from landline.chat.notices import Members
from landline.chat.wire import Who
from landline.errors import ConnectError


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("hello", None),
        ("!dices", None),
        ("!dice 0", "write !dice, or !dice and a number from 1 to 100"),
        ("!dice ²", "write !dice, or !dice and a number from 1 to 100"),
        ("!dice 101", "write !dice, or !dice and a number from 1 to 100"),
    ],
)
def test_what_it_answers(body: str, said: str | None) -> None:
    assert dice_bot.answer(body, random.Random(5)) == said


def test_thrown_dice_have_six_sides() -> None:
    assert dice_bot.answer("!dice", random.Random(5)) in set("123456")
    words = (dice_bot.answer("!dice 100", random.Random(5)) or "").split()
    assert {int(word) for word in words[:100]} == {1, 2, 3, 4, 5, 6} and int(words[-1]) == sum(map(int, words[:100]))


def test_it_answers_in_a_chat_and_in_a_conversation(tmp_path: Path) -> None:
    async def whole() -> None:
        where = f"unix://{tmp_path}/chat"
        async with asyncio.timeout(20), Server([(chat_service(tmp_path / "data"), where)]):
            async with ChatClient(where, nick="anna") as anna:
                playing = asyncio.create_task(dice_bot.play(where))
                while "dice" not in await _there(anna):
                    await asyncio.sleep(0.01)
                await anna.say("lobby", "!dice 2")
                await anna.msg("dice", "!dice 101")
                messages = anna.messages()
                heard = [(await anext(messages)).body for _ in range(2)]
                await messages.aclose()
                playing.cancel()
                await asyncio.wait([playing])
            assert any(" makes " in body for body in heard) and any(body.startswith("write") for body in heard)

    asyncio.run(whole())


async def _there(client: ChatClient) -> list[str]:
    answer = await client.ask(Who(room="lobby"))
    assert isinstance(answer, Members)
    return [person.nick for person in answer.members]


def test_without_a_chat_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConnectError):
        asyncio.run(dice_bot.play(f"unix://{tmp_path}/nobody"))
