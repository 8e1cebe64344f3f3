"""Listeners of every family, on real sockets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landline.address import FdAddress, TcpAddress, UdpAddress, UnixAddress, parse
from landline.errors import ListenError
from landline.transport.listen import Listener, _listen_on_any_port, open_listeners, socket_address
from landline.transport.race import Candidate
from tests.sockets import needs_ipv6, plain_listener, port_of, sockets_open


@contextmanager
def listening(text: str) -> Iterator[Listener]:
    """The one listener of an address."""
    (listener,) = open_listeners(parse(text))
    try:
        yield listener
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("tcp://127.0.0.1:0", socket.AF_INET),
        pytest.param("tcp://[::1]:0", socket.AF_INET6, marks=needs_ipv6),
    ],
)
def test_tcp_listens_on_a_free_port(text: str, family: int) -> None:
    with listening(text) as listener:
        assert listener.sock.family == family
        assert not listener.datagram
        assert not listener.sock.getblocking()
        assert port_of(listener.address) > 0
        assert parse(str(listener.address)) == listener.address
        with socket.create_connection(listener.sock.getsockname()[:2]) as caller:
            accepted, sockaddr = listener.sock.accept()
            accepted.close()
            assert sockaddr == caller.getsockname()


@pytest.mark.parametrize("text", ["udp://127.0.0.1:0", pytest.param("udp://[::1]:0", marks=needs_ipv6)])
def test_udp_is_bound_to_a_free_port(text: str) -> None:
    with listening(text) as listener, socket.socket(listener.sock.family, socket.SOCK_DGRAM) as caller:
        assert listener.datagram
        assert isinstance(listener.address, UdpAddress)
        caller.sendto(b"hi", listener.sock.getsockname())
        assert listener.sock.recv(10) == b"hi"


def test_the_backlog_is_all_the_system_allows() -> None:
    with open("/proc/sys/net/core/somaxconn") as setting:
        most = int(setting.read())
    with listening("tcp://127.0.0.1:0") as listener:
        # tcp_info of a listener: tcpi_sacked is its backlog (tcp(7), linux/tcp.h).
        information = listener.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        assert struct.unpack_from("=I", information, 28)[0] == most


def test_tcp_may_be_restarted_at_once_and_udp_is_not_shared() -> None:
    with listening("tcp://127.0.0.1:0") as stream, listening("udp://127.0.0.1:0") as datagram:
        assert stream.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        assert datagram.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0


def test_a_port_with_a_call_in_time_wait_is_taken_again() -> None:
    with listening("tcp://127.0.0.1:0") as first:
        port = port_of(first.address)
        with socket.create_connection(("127.0.0.1", port)) as caller:
            accepted, _ = first.sock.accept()
            accepted.close()
            assert caller.recv(1) == b""
    with listening(f"tcp://127.0.0.1:{port}") as second:
        assert port_of(second.address) == port


@needs_ipv6
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("where", "note"),
    [
        ("[::]:0", "dual-stack: IPv4 and IPv6"),
        ("[::]:0?v6only=yes", "IPv6 only"),
        ("[::1]:0", "IPv6 only"),
        ("127.0.0.1:0", ""),
    ],
)
def test_a_listener_says_whether_it_is_dual_stack(scheme: str, where: str, note: str) -> None:
    with listening(f"{scheme}://{where}") as listener:
        assert listener.note == note


@needs_ipv6
def test_dual_stack_takes_ipv4_and_v6only_leaves_it_alone() -> None:
    with listening("tcp://[::]:0") as both:
        with socket.create_connection(("127.0.0.1", port_of(both.address))):
            accepted, sockaddr = both.sock.accept()
            accepted.close()
        assert isinstance(socket_address(both.sock, sockaddr), TcpAddress)
    with listening("tcp://[::]:0?v6only=yes") as six:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port_of(six.address)))
        with listening(f"tcp://0.0.0.0:{port_of(six.address)}") as four:
            assert port_of(four.address) == port_of(six.address)


def test_a_name_listens_on_all_its_addresses_with_one_port() -> None:
    listeners = open_listeners(parse("tcp://localhost:0"))
    assert len({port_of(listener.address) for listener in listeners}) == 1
    assert len({listener.address for listener in listeners}) == len(listeners)
    for listener in listeners:
        listener.close()


def test_a_port_that_is_free_on_one_address_only_is_not_the_end() -> None:
    """Asked for any port, it tries others. Here none can ever be free on both addresses, as they are the same."""
    before = sockets_open()
    here = Candidate(socket.AF_INET, ("127.0.0.1", 0))
    with pytest.raises(ListenError, match=r"the port is in use by .*\(process"):
        _listen_on_any_port(TcpAddress("two-addresses.example", 0), [here, here])
    assert sockets_open() == before


def test_one_port_on_several_addresses() -> None:
    here, there = (Candidate(socket.AF_INET, (host, 0)) for host in ("127.0.0.1", "127.0.0.2"))
    listeners = _listen_on_any_port(TcpAddress("two-addresses.example", 0), [here, there])
    assert [str(listener.address) for listener in listeners] == [
        f"tcp://127.0.0.{number}:{port_of(listeners[0].address)}" for number in (1, 2)
    ]
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_an_address_in_use_names_its_holder(scheme: str) -> None:
    process = os.getpid()
    name = Path(f"/proc/{process}/comm").read_text().strip()
    with listening(f"{scheme}://127.0.0.1:0") as holder:
        before = sockets_open()
        with pytest.raises(ListenError) as caught:
            open_listeners(holder.address)
        assert str(caught.value) == (
            f"cannot listen on {holder.address}: the port is in use by {name} (process {process}); "
            "stop it, or choose another port (0 means any)"
        )
        assert sockets_open() == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tcp://192.0.2.1:0", "this machine does not have that address; 0.0.0.0 or [::] means all it has"),
        ("tcp://[fe80::1%nosuch]:0", "its name is not known here (Name or service not known)"),
        (f"udp://{'a' * 64}.example:0", "its name cannot be looked up: a part of it is too long"),
        ("fd://999999", "this process inherited no such descriptor"),
    ],
)
def test_what_cannot_be_is_one_sentence(text: str, problem: str) -> None:
    before = sockets_open()
    with pytest.raises(ListenError) as caught:
        open_listeners(parse(text))
    assert str(caught.value) == f"cannot listen on {text}: {problem}"
    assert sockets_open() == before


def test_an_abstract_name_has_no_file(tmp_path: Path) -> None:
    text = f"unix://@landline-{os.getpid()}"
    with listening(text) as listener, socket.socket(socket.AF_UNIX) as caller:
        assert str(listener.address) == text
        caller.connect(f"\0landline-{os.getpid()}")
        assert socket_address(caller, caller.getpeername()) == listener.address
        with pytest.raises(ListenError) as caught:
            open_listeners(parse(text))
        assert caught.value.problem == "the name is in use by another process; choose another"


def test_an_unnamed_unix_peer_has_an_empty_name(tmp_path: Path) -> None:
    with listening(f"unix://{tmp_path}/s") as listener, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"{tmp_path}/s")
        accepted, sockaddr = listener.sock.accept()
        with accepted:
            assert str(socket_address(accepted, sockaddr)) == "unix://@"
            assert socket_address(accepted, accepted.getsockname()) == listener.address


@needs_ipv6
def test_a_link_local_address_keeps_its_zone() -> None:
    name = socket.if_indextoname(1)
    with socket.socket(socket.AF_INET6) as sock:
        assert socket_address(sock, ("fe80::1", 8101, 0, 1)) == TcpAddress(f"fe80::1%{name}", 8101)
        assert socket_address(sock, ("fe80::1", 8101, 0, 999_999)) == TcpAddress("fe80::1%999999", 8101)
        assert socket_address(sock, ("::1", 8101, 0, 0)) == TcpAddress("::1", 8101)


def test_an_inherited_stream_socket_is_adopted() -> None:
    with plain_listener() as made:
        (listener,) = open_listeners(FdAddress(os.dup(made.fileno())))
        assert listener.address == TcpAddress(*made.getsockname())
        assert listener.note.startswith("inherited as fd://")
        assert not listener.datagram
        with socket.create_connection(made.getsockname()):
            accepted, _ = listener.sock.accept()
            accepted.close()
        listener.close()


def test_an_inherited_datagram_socket_is_adopted() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        (listener,) = open_listeners(FdAddress(os.dup(made.fileno())))
        assert listener.address == UdpAddress(*made.getsockname())
        assert listener.datagram
        listener.close()


def test_the_path_of_an_inherited_unix_socket_stays(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{tmp_path}/s")
        made.listen()
        (listener,) = open_listeners(FdAddress(os.dup(made.fileno())))
        assert listener.address == UnixAddress(f"{tmp_path}/s")
        listener.close()
        assert (tmp_path / "s").is_socket()


def test_wrong_descriptors_are_refused_and_stay_open(tmp_path: Path) -> None:
    one, other = socket.socketpair()
    sequential = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other, sequential, socket.socket() as unbound, (tmp_path / "file").open("w") as file:
        for number, problem in [
            (one.fileno(), "the inherited socket does not listen; it must be bound and listening"),
            (unbound.fileno(), "the inherited socket does not listen; it must be bound and listening"),
            (sequential.fileno(), "the inherited socket is neither stream nor datagram"),
            (file.fileno(), "the descriptor is not a socket"),
        ]:
            with pytest.raises(ListenError) as caught:
                open_listeners(FdAddress(number))
            assert str(caught.value) == f"cannot listen on fd://{number}: {problem}"
            os.fstat(number)
