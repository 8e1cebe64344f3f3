"""Twisted's receivers: `python -m bench.servers.twisted_receivers length|lines`."""

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int32StringReceiver, LineOnlyReceiver

BACKLOG = 1024


class UpperLength(Int32StringReceiver):
    """Messages after a 4-byte length."""

    def connectionMade(self) -> None:
        """Let small answers leave at once."""
        self.transport.setTcpNoDelay(True)

    def stringReceived(self, string: bytes) -> None:
        """Answer one message."""
        self.sendString(string.upper())


class UpperLines(LineOnlyReceiver):
    """One message a line."""

    delimiter = b"\n"

    def connectionMade(self) -> None:
        """Let small answers leave at once."""
        self.transport.setTcpNoDelay(True)

    def lineReceived(self, line: bytes) -> None:
        """Answer one line."""
        self.sendLine(line.upper())


if __name__ == "__main__":
    protocol = UpperLines if sys.argv[1] == "lines" else UpperLength
    factory = Factory.forProtocol(protocol)
    port = reactor.listenTCP(0, factory, backlog=BACKLOG, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()
