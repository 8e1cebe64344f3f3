"""The streams of asyncio: `python -m bench.servers.asyncio_streams length|lines`."""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter

BACKLOG = 1024


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


async def serve(framing: str) -> None:
    """Listen, print the port, serve until the process is ended."""
    handler = serve_lines if framing == "lines" else serve_length
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
