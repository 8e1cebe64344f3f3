"""A greenlet a connection: `python -m bench.servers.gevent_streams length|lines`."""

import sys
from socket import IPPROTO_TCP, TCP_NODELAY

from gevent.server import StreamServer
from gevent.socket import socket

BACKLOG = 1024


def serve_length(peer: socket, address: tuple[str, int]) -> None:
    """Answer messages after a 4-byte length until the peer ends."""
    peer.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
    stream = peer.makefile("rb")
    try:
        while header := stream.read(4):
            payload = stream.read(int.from_bytes(header, "big"))
            peer.sendall(header + payload.upper())
    except ConnectionError:
        pass


def serve_lines(peer: socket, address: tuple[str, int]) -> None:
    """Answer lines until the peer ends."""
    peer.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
    try:
        for line in peer.makefile("rb"):
            peer.sendall(line.upper())
    except ConnectionError:
        pass


if __name__ == "__main__":
    handler = serve_lines if sys.argv[1] == "lines" else serve_length
    server = StreamServer(("127.0.0.1", 0), handler, backlog=BACKLOG)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
