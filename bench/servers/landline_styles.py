"""Landline, the other ways to write a handler, and the message handler without limits."""

from dataclasses import fields

from bench.servers.socketserver_threads import UpperLength
from landline import Limits, Service, StreamConnection
from landline.connection.blocking import BlockingConnection

FRAMING = "length:u32be"

conversation = Service("conversation", framing=FRAMING)
awaited = Service("awaited", framing=FRAMING)
blocking = Service("blocking", framing=FRAMING)
from_handler = Service.from_handler(UpperLength)

# Every limit at its maximum. None of them has a switch; at its maximum none is ever reached.
unlimited = Service(
    "unlimited", framing=FRAMING, limits=Limits(**{bound.name: bound.metadata["most"] for bound in fields(Limits)})
)


@conversation.connection
async def converse(connection: StreamConnection) -> None:
    """Answer messages until the peer ends."""
    async for message in connection:
        await connection.send(message.upper())


@awaited.message
async def answer_awaited(message: bytes) -> bytes:
    """Answer one message."""
    return message.upper()


@blocking.blocking
def converse_in_thread(connection: BlockingConnection) -> None:
    """Answer messages until the peer ends."""
    for message in connection:
        connection.send(message.upper())


@unlimited.message
def answer(message: bytes) -> bytes:
    """Answer one message."""
    return message.upper()
