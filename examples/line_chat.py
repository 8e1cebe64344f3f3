"""A chat in lines of text: a connection handler, names, and one broadcast that reaches everybody else.

python examples/line_chat.py        # listens on tcp://127.0.0.1:5515
nc 127.0.0.1 5515                   # in as many other terminals as there are people
"""

import sys

from landline import Limits, Service, StreamConnection, run
from landline.errors import LandlineError

chat = Service("chat", payload="text", limits=Limits(max_message_bytes=1000))
names: dict[StreamConnection, str] = {}


def tell_others(speaker: StreamConnection, text: str) -> None:
    """Say something to everybody who has a name, but for the speaker."""
    chat.broadcast([text], to=[other for other in names if other is not speaker])


def plain(line: str) -> str:
    """A line without what a terminal would obey."""
    return "".join(filter(str.isprintable, line)).strip()


@chat.connection
async def talk(connection: StreamConnection) -> None:
    """One person in the chat, from the name to the hanging up."""
    await connection.send("What is your name?")
    name = plain(await connection.receive())[:20] or "somebody"
    await connection.send(f"Here: {', '.join(names.values()) or 'nobody yet'}")
    names[connection] = name
    tell_others(connection, f"* {name} has come")
    try:
        async for line in connection:
            tell_others(connection, f"{name}: {plain(line)}")
    finally:
        del names[connection]
        tell_others(connection, f"* {name} has gone")


if __name__ == "__main__":
    try:
        address = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5515"
        run([(chat, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
    except LandlineError as error:
        sys.exit(str(error))
