"""Calls with typed requests and replies: the classes below are the whole protocol, for both sides.

Requests and replies are JSON documents in lines, each behind the number of its request, so that any number of calls
may be under way on one connection. A call that cannot be done is rejected with a code, and the conversation goes on;
so is a document that does not fit its class, before any code here sees it.

    python examples/typed_rpc.py serve        # listens on tcp://127.0.0.1:5516
    python examples/typed_rpc.py call         # in another terminal
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec

from landline import MessageRejected, Service, StreamConnection, connect, run
from landline.errors import LandlineError

DEFAULT_ADDRESS = "tcp://127.0.0.1:5516"

# The protocol.


class Take(msgspec.Struct, tag=True):
    """Asks for some of an item to be taken out of the store. The reply is Left."""

    item: str
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Look(msgspec.Struct, tag=True):
    """Asks how many of an item there are. The reply is Left."""

    item: str


class Left(msgspec.Struct, tag=True):
    """How many of an item are left."""

    item: str
    count: int


# The server.

store = Service("store", payload="json", replies="numbered")
shelves = {"apple": 100, "pear": 3}


@store.on(Look)
def look(asked: Look) -> Left:
    """Say what there is."""
    return Left(asked.item, on_shelf(asked.item))


@store.on(Take)
def take(wanted: Take) -> Left:
    """Take some off the shelf, or reject the call."""
    there = on_shelf(wanted.item)
    if wanted.count > there:
        raise MessageRejected("too_few", f"there are {there} of {wanted.item}, and not {wanted.count}")
    shelves[wanted.item] = there - wanted.count
    return Left(wanted.item, shelves[wanted.item])


def on_shelf(item: str) -> int:
    """How many of an item there are. Raises MessageRejected for one that is not kept."""
    if item not in shelves:
        raise MessageRejected("unknown_item", f"there is no {item} in this store")
    return shelves[item]


# The client.


class StoreClient:
    """The calls as functions."""

    def __init__(self, connection: StreamConnection) -> None:
        self._connection = connection

    async def take(self, item: str, count: int = 1) -> int:
        """Take some of an item. Returns how many are left; raises MessageRejected if there are too few."""
        left: Left = await self._connection.request(Take(item, count))
        return left.count

    async def look(self, item: str) -> int:
        """How many of an item there are. Raises MessageRejected for one that is not kept."""
        left: Left = await self._connection.request(Look(item))
        return left.count


@asynccontextmanager
async def store_client(address: str) -> AsyncIterator[StoreClient]:
    """Connect to a store while the block lasts."""
    async with await connect(address, payload=Left, replies="numbered") as connection:
        assert isinstance(connection, StreamConnection)
        yield StoreClient(connection)


async def shopping(address: str) -> None:
    """Call one by one, many at once, and in vain."""
    async with store_client(address) as store:
        print("apples:", await store.look("apple"))
        print("ten calls at once leave:", *await asyncio.gather(*(store.take("apple", n) for n in range(1, 11))))
        for item, count in (("pear", 5), ("plum", 1), ("apple", 0)):
            try:
                await store.take(item, count)
            except MessageRejected as rejected:
                print(f"{rejected.code}: {rejected.detail}")
        print("pears:", await store.look("pear"))


def main() -> None:
    """Serve until a signal says stop, or call."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    address = sys.argv[2] if len(sys.argv) > 2 else DEFAULT_ADDRESS
    try:
        if command == "serve":
            run([(store, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
        elif command == "call":
            asyncio.run(shopping(address))
        else:
            sys.exit("say what to do: typed_rpc.py serve|call [ADDRESS]")
    except LandlineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
