"""A thread a connection: `python -m bench.servers.socketserver_threads length|lines`."""

import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer


class UpperLength(StreamRequestHandler):
    """Messages after a 4-byte length."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer messages until the peer ends."""
        try:
            while header := self.rfile.read(4):
                payload = self.rfile.read(int.from_bytes(header, "big"))
                self.wfile.write(header + payload.upper())
        except ConnectionError:
            pass


class UpperLines(StreamRequestHandler):
    """One message a line."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer lines until the peer ends."""
        try:
            for line in self.rfile:
                self.wfile.write(line.upper())
        except ConnectionError:
            pass


class UpperServer(ThreadingTCPServer):
    """Room for many callers at once; the threads end with the process."""

    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    handler = UpperLines if sys.argv[1] == "lines" else UpperLength
    with UpperServer(("127.0.0.1", 0), handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
