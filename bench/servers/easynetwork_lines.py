"""EasyNetwork on uvloop, one message a line: `python -m bench.servers.easynetwork_lines lines`."""

import asyncio
from collections.abc import AsyncGenerator

import uvloop
from easynetwork.protocol import BufferedStreamProtocol
from easynetwork.serializers import StringLineSerializer
from easynetwork.servers import AsyncTCPNetworkServer
from easynetwork.servers.handlers import AsyncStreamClient, AsyncStreamRequestHandler

BACKLOG = 1024


class UpperLines(AsyncStreamRequestHandler[str, str]):
    """One message a line."""

    async def handle(self, client: AsyncStreamClient[str]) -> AsyncGenerator[None, str]:
        """Answer one line."""
        line = yield
        await client.send_packet(line.upper())


async def serve() -> None:
    """Listen, print the port, serve until the process is ended."""
    protocol = BufferedStreamProtocol(StringLineSerializer())
    async with AsyncTCPNetworkServer("127.0.0.1", 0, protocol, UpperLines(), backlog=BACKLOG) as server:
        listening = asyncio.Event()
        serving = asyncio.create_task(server.serve_forever(is_up_event=listening))
        await listening.wait()
        print(server.get_addresses()[0].port, flush=True)
        await serving


if __name__ == "__main__":
    uvloop.run(serve())
