"""Opening listeners on an address."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from dataclasses import dataclass

from landline.address import Address, FdAddress, TcpAddress, TlsAddress, UdpAddress, UnixAddress, host_port
from landline.errors import ConnectError, ListenError
from landline.transport.blockingdial import look_up
from landline.transport.holder import holder_of
from landline.transport.oserrors import listen_error
from landline.transport.race import Candidate
from landline.transport.unixpath import UnixPath, bind_path, clear_stale

BACKLOG = 2**31 - 1
"""The kernel cuts it to net.core.somaxconn; asking for all of it makes that the only knob (listen(2))."""

MOST_PORTS_TRIED = 8


@dataclass(slots=True)
class Listener:
    """A socket that listens (stream) or is bound (datagram), and the address it really has.

    `note` says what the address alone does not: whether an IPv6 socket takes IPv4 too.
    """

    sock: socket.socket
    address: Address
    note: str = ""
    path: UnixPath | None = None

    @property
    def datagram(self) -> bool:
        """Whether it takes datagrams and not connections."""
        return self.sock.type == socket.SOCK_DGRAM

    def close(self) -> None:
        """Close the socket, and remove the Unix path if it is still ours."""
        self.sock.close()
        if self.path is not None:
            self.path.remove()


def open_listeners(address: Address) -> list[Listener]:
    """Listen on every sockaddr of `address`; with port 0 all get the same free port.

    Returns at least one listener. Raises ListenError; then none is left open.
    """
    if isinstance(address, UnixAddress):
        return [_listen_unix(address)]
    if isinstance(address, FdAddress):
        return [_adopt(address)]
    try:
        candidates = list(dict.fromkeys(look_up(address)))
    except ConnectError as error:
        raise ListenError(str(address), error.problem) from error
    return _listen_on_any_port(address, candidates)


def _listen_on_any_port(address: TcpAddress | UdpAddress, candidates: list[Candidate]) -> list[Listener]:
    """With port 0 what is free on the first sockaddr may be taken on another; then the next free one is tried."""
    tries = MOST_PORTS_TRIED if address.port == 0 else 1
    while True:
        tries -= 1
        try:
            return _listen_on_all(address, candidates)
        except ListenError as error:
            if not tries or not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise


def _listen_on_all(address: TcpAddress | UdpAddress, candidates: list[Candidate]) -> list[Listener]:
    with contextlib.ExitStack() as opened:
        listeners: list[Listener] = []
        for candidate in candidates:
            port = listeners[0].sock.getsockname()[1] if listeners else address.port
            listeners.append(_listen_internet(address, candidate, port))
            opened.callback(listeners[-1].close)
        opened.pop_all()
    return listeners


def _listen_internet(address: TcpAddress | UdpAddress, candidate: Candidate, port: int) -> Listener:
    datagram = isinstance(address, UdpAddress)
    sock = socket.socket(candidate.family, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM)
    try:
        _set_listening_options(sock, address, datagram)
        sock.bind((candidate.sockaddr[0], port, *candidate.sockaddr[2:]))
        if not datagram:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot_listen(address, candidate, port, error) from error
    sock.setblocking(False)
    return Listener(sock, _as_asked(address, local_address(sock)), _stack_note(sock))


def _as_asked(asked: Address, real: Address) -> Address:
    """The real address, as TLS if that was asked for: the socket itself does not know."""
    if isinstance(asked, TlsAddress) and isinstance(real, TcpAddress):
        return TlsAddress(real.host, real.port)
    return real


def _set_listening_options(sock: socket.socket, address: TcpAddress | UdpAddress, datagram: bool) -> None:
    if not datagram:
        # A restart must not wait for old connections in TIME_WAIT. On UDP it would let two servers share a port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        # The default depends on net.ipv6.bindv6only; saying it makes every machine the same.
        both = address.host == "::" and not address.v6only
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)


def _stack_note(sock: socket.socket) -> str:
    if sock.family != socket.AF_INET6:
        return ""
    only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return "IPv6 only" if only else "dual-stack: IPv4 and IPv6"


def _cannot_listen(address: TcpAddress | UdpAddress, candidate: Candidate, port: int, error: OSError) -> ListenError:
    if error.errno != errno.EADDRINUSE:
        return listen_error(address, error)
    where = f"{address.scheme}://{host_port(candidate.sockaddr[0], port)}"
    holder = holder_of(port, "udp" if isinstance(address, UdpAddress) else "tcp")
    by = f"by {holder}" if holder else "by a process this user may not see"
    return ListenError(where, f"the port is in use {by}; stop it, or choose another port (0 means any)")


def _listen_unix(address: UnixAddress) -> Listener:
    try:
        if not address.abstract:
            clear_stale(address)
    except OSError as error:
        raise listen_error(address, error) from error
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path: UnixPath | None = None
    try:
        if address.abstract:
            sock.bind(address.sockaddr)
        else:
            path = bind_path(sock, address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if path is not None:
            path.remove()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(str(address), "the name is in use by another process; choose another") from error
        raise listen_error(address, error) from error
    sock.setblocking(False)
    return Listener(sock, address, path=path)


def _adopt(address: FdAddress) -> Listener:
    """Take an inherited socket over. Its path, if it has one, belongs to whoever made it and stays."""
    try:
        os.fstat(address.number)
        sock = socket.socket(fileno=address.number)
    except OSError as error:
        raise listen_error(address, error) from error
    try:
        if sock.type == socket.SOCK_STREAM and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ListenError(str(address), "the inherited socket does not listen; it must be bound and listening")
        if sock.type not in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            raise ListenError(str(address), "the inherited socket is neither stream nor datagram")
    except ListenError:
        sock.detach()
        raise
    sock.setblocking(False)
    # As sd_listen_fds(3) does: programs that a handler starts must not hold the listener open.
    sock.set_inheritable(False)
    return Listener(sock, local_address(sock), f"inherited as {address}")


def local_address(sock: socket.socket) -> Address:
    """The address a bound socket has."""
    return socket_address(sock, sock.getsockname())


def socket_address(sock: socket.socket, sockaddr: object) -> Address:
    """A sockaddr, as the family of `sock` writes it, as an Address. An unnamed Unix peer is `unix://@`."""
    if sock.family == socket.AF_UNIX:
        raw = sockaddr if isinstance(sockaddr, bytes) else os.fsencode(str(sockaddr))
        return UnixAddress(
            "@" + raw[1:].decode("utf-8", "surrogateescape") if raw[:1] in (b"", b"\0") else os.fsdecode(raw)
        )
    assert isinstance(sockaddr, tuple)
    kind = UdpAddress if sock.type == socket.SOCK_DGRAM else TcpAddress
    return kind(_with_zone(*sockaddr) if len(sockaddr) == 4 else sockaddr[0], sockaddr[1])


def _with_zone(host: str, port: int, flow: int, scope: int) -> str:
    """An IPv6 host; a link-local one means nothing without the interface it is on (RFC 4007, section 11)."""
    if not scope:
        return host
    zone = str(scope)
    with contextlib.suppress(OSError):
        zone = socket.if_indextoname(scope)
    return f"{host.partition('%')[0]}%{zone}"
