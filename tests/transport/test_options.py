"""Socket options, read back from the kernel."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket

import pytest

from landline.limits import Limits
from landline.transport.options import grow_receive_buffer, kernel_drops, tune_stream, unread_bytes
from tests.sockets import needs_ipv6, plain_listener


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_stream_sends_at_once_and_probes_a_silent_peer(host: str) -> None:
    limits = Limits(keepalive_idle_seconds=41, keepalive_interval_seconds=7, keepalive_probes=3)
    with plain_listener(host) as listener, socket.create_connection(listener.getsockname()[:2]) as sock:
        tune_stream(sock, limits)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 41
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 7
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3


def test_a_unix_stream_has_no_such_options() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tune_stream(ours, Limits())
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_the_granted_receive_buffer_is_what_was_asked_for_where_the_system_allows_it() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        assert grow_receive_buffer(sock, 65_536) == 65_536


def test_a_receive_buffer_beyond_the_systems_most_is_cut_and_said() -> None:
    with open("/proc/sys/net/core/rmem_max") as setting:
        most = int(setting.read())
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        assert grow_receive_buffer(sock, 2 * most) == most


def test_what_the_kernel_drops_is_counted() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, socket.socket(type=socket.SOCK_DGRAM) as sender:
        sock.bind(("127.0.0.1", 0))
        grow_receive_buffer(sock, 4096)
        assert kernel_drops(sock) == 0
        for sent in itertools.count(1):
            sender.sendto(bytes(512), sock.getsockname())
            if kernel_drops(sock):
                break
            assert sent < 10_000
        dropped = kernel_drops(sock)
        assert dropped is not None
        sock.setblocking(False)
        received = 0
        with contextlib.suppress(BlockingIOError):
            while sock.recv(1024):
                received += 1
        assert received + dropped == sent


def test_a_closed_socket_tells_of_no_drops() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        pass
    assert kernel_drops(sock) is None


def test_unread_bytes_are_those_that_arrived_and_wait() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert unread_bytes(ours) == 0
        theirs.send(b"12345")
        assert unread_bytes(ours) == 5
        ours.recv(2)
        assert unread_bytes(ours) == 3
        ours.recv(3)
        theirs.shutdown(socket.SHUT_WR)
        assert unread_bytes(ours) == 0
    assert unread_bytes(ours) == 0


def test_unread_bytes_of_tcp() -> None:
    with plain_listener() as listener, socket.create_connection(listener.getsockname()) as caller:
        accepted, _ = listener.accept()
        with accepted:
            caller.send(b"1234567")
            select.select([accepted], [], [], 10)
            assert unread_bytes(accepted) == 7
