"""A bot for a chat: `!dice` throws one die, `!dice 3` three of them, up to a hundred.

landline chat serve                                            # in one terminal
python examples/dice_bot.py 127.0.0.1:8110                     # in another; a guest called dice
python examples/dice_bot.py 127.0.0.1:8110 --token-file FILE   # the same with the token that /bot dice has shown
"""

import asyncio
import random
import sys

from landline.chat import ChatClient
from landline.chat.tokenfile import read_token
from landline.errors import LandlineError, RequestRefused

MOST_DICE = 100


def answer(body: str, dice: random.Random) -> str | None:
    """What the bot says to a message; None for one that is not for it."""
    command, _, count = body.strip().partition(" ")
    if command != "!dice":
        return None
    if count and not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_DICE):
        return f"write !dice, or !dice and a number from 1 to {MOST_DICE}"
    thrown = [dice.randint(1, 6) for _ in range(int(count or 1))]
    return " ".join(map(str, thrown)) + (f" makes {sum(thrown)}" if len(thrown) > 1 else "")


async def play(address: str, token: str | None = None) -> None:
    """Come in, and answer until the chat ends."""
    async with ChatClient(address, nick="dice", token=token, tail=0) as chat:
        print(f"{chat.view.me.nick} is in {', '.join(chat.view.wished)}", flush=True)
        async for message in chat.messages():
            # Two bots that answer each other would never end.
            if not message.is_bot and (text := answer(message.body, random.Random())) is not None:
                try:
                    await chat.say(message.room, text)
                except RequestRefused as refused:
                    print(f"not said: {refused}", file=sys.stderr)


if __name__ == "__main__":
    address, *rest = sys.argv[1:] or ["127.0.0.1:8110"]
    try:
        asyncio.run(play(address, read_token(rest[1]) if rest[:1] == ["--token-file"] and rest[1:] else None))
    except LandlineError as error:
        sys.exit(f"dice_bot: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
