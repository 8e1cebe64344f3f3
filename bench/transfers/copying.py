"""The yardsticks: a file over TLS 1.3, and a file with sendfile and splice, neither with any check.

`python -m bench.transfers.copying receive|receive-tls FILE` prints its port and takes one file;
`python -m bench.transfers.copying send|send-tls FILE PORT` ends when the receiver has written all of it.
"""

import fcntl
import os
import socket
import ssl
import sys
from pathlib import Path

from bench.certificates import server_context

BLOCK = 256 * 1024
PIPE = 1 << 20
HOST = "127.0.0.1"


def receive(path: Path) -> None:
    """Move what comes on a socket into a file, inside the kernel, and say so to the sender by hanging up."""
    inner, outer = os.pipe()
    fcntl.fcntl(outer, fcntl.F_SETPIPE_SZ, PIPE)
    with path.open("wb") as file, _accepted() as connection:
        while count := os.splice(connection.fileno(), outer, PIPE):
            while count:
                count -= os.splice(inner, file.fileno(), count)


def send(path: Path, port: int) -> None:
    """Send a file with sendfile(2)."""
    with path.open("rb") as file, socket.create_connection((HOST, port)) as connection:
        while os.sendfile(connection.fileno(), file.fileno(), None, 1 << 30):
            pass
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


def receive_tls(path: Path) -> None:
    """Read a socket in blocks and write them to a file."""
    block = memoryview(bytearray(BLOCK))
    secure = server_context()
    with path.open("wb", buffering=0) as file, secure.wrap_socket(_accepted(), server_side=True) as connection:
        while count := connection.recv_into(block):
            file.write(block[:count])
        connection.unwrap()


def send_tls(path: Path, port: int) -> None:
    """Read a file in blocks and send them; its peer is whoever answers, as nothing is proved here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    block = memoryview(bytearray(BLOCK))
    plain = socket.create_connection((HOST, port))
    with path.open("rb", buffering=0) as file, context.wrap_socket(plain) as connection:
        while count := file.readinto(block):
            connection.sendall(block[:count])
        connection.unwrap()


def _accepted() -> socket.socket:
    with socket.create_server((HOST, 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        return listener.accept()[0]


def main() -> None:
    """Do what the first word says."""
    word, path = sys.argv[1], Path(sys.argv[2])
    if word == "receive":
        receive(path)
    elif word == "receive-tls":
        receive_tls(path)
    elif word == "send":
        send(path, int(sys.argv[3]))
    else:
        send_tls(path, int(sys.argv[3]))


if __name__ == "__main__":
    main()
