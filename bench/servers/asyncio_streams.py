"""The streams of asyncio: `python -m bench.servers.asyncio_streams length|lines|json|msgpack|tls`."""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

BACKLOG = 1024

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]


async def serve_length(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer messages after a 4-byte length until the peer ends."""
    try:
        while True:
            header = await reader.readexactly(4)
            payload = await reader.readexactly(int.from_bytes(header, "big"))
            writer.write(header + payload.upper())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve_lines(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer lines until the peer ends."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve_documents(format: Any, reader: StreamReader, writer: StreamWriter) -> None:
    """Answer documents after a 4-byte length until the peer ends, by msgspec."""
    from bench.servers.documents import Heard, Shout

    decoder, encoder = format.Decoder(Shout), format.Encoder()
    try:
        while True:
            header = await reader.readexactly(4)
            message = decoder.decode(await reader.readexactly(int.from_bytes(header, "big")))
            reply = encoder.encode(Heard(message.id, message.text.upper()))
            writer.write(len(reply).to_bytes(4, "big") + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def handler_for(kind: str) -> Handler:
    """Return what serves a connection of this kind."""
    if kind in ("json", "msgpack"):
        import msgspec

        return partial(serve_documents, getattr(msgspec, kind))
    return serve_lines if kind == "lines" else serve_length


async def serve(kind: str) -> None:
    """Listen, print the port, serve until the process is ended."""
    context = None
    if kind == "tls":
        from bench.certificates import server_context

        context = server_context()
    server = await asyncio.start_server(handler_for(kind), "127.0.0.1", 0, backlog=BACKLOG, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
