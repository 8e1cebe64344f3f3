"""Who may come in."""

from __future__ import annotations

import pytest

from landline.address import Address, FdAddress, TcpAddress, UdpAddress, UnixAddress
from landline.server.admission import Admission, peer_group


def test_places_are_exact() -> None:
    admission = Admission(max_connections=2, max_per_peer=9)
    assert [admission.admit(None) for _ in range(3)] == [None, None, "all 2 places are taken (max_connections)"]
    assert admission.inside == 2


def test_a_place_given_back_is_free_again() -> None:
    admission = Admission(max_connections=1, max_per_peer=1)
    for _ in range(3):
        assert admission.admit("192.0.2.1") is None
        assert admission.admit("192.0.2.2") is not None
        admission.release("192.0.2.1")
    assert admission.inside == 0


def test_one_peer_does_not_take_the_places_of_others() -> None:
    admission = Admission(max_connections=9, max_per_peer=2)
    assert admission.admit("192.0.2.1") is None
    assert admission.admit("192.0.2.1") is None
    assert admission.admit("192.0.2.1") == "192.0.2.1 has 2 of 2 places already (max_connections_per_peer)"
    assert admission.admit("192.0.2.2") is None
    admission.release("192.0.2.1")
    assert admission.admit("192.0.2.1") is None
    assert admission.inside == 3


def test_a_refusal_takes_no_place() -> None:
    admission = Admission(max_connections=1, max_per_peer=5)
    assert admission.admit("192.0.2.1") is None
    for _ in range(10):
        assert admission.admit("192.0.2.2") is not None
    admission.release("192.0.2.1")
    assert admission.admit("192.0.2.2") is None
    assert admission.admit("192.0.2.2") == "all 1 places are taken (max_connections)"


def test_peers_without_a_group_are_only_counted_in_all() -> None:
    admission = Admission(max_connections=3, max_per_peer=1)
    assert [admission.admit(None) for _ in range(3)] == [None, None, None]
    for _ in range(3):
        admission.release(None)
    assert admission.inside == 0


def test_a_group_without_connections_is_forgotten() -> None:
    admission = Admission(max_connections=9, max_per_peer=9)
    for number in range(100):
        admission.admit(f"192.0.2.{number}")
        admission.release(f"192.0.2.{number}")
    assert not admission._by_group


@pytest.mark.parametrize(
    ("peer", "group"),
    [
        (TcpAddress("192.0.2.1", 4000), "192.0.2.1"),
        (TcpAddress("192.0.2.1", 4001), "192.0.2.1"),
        (TcpAddress("::ffff:192.0.2.1", 4000), "192.0.2.1"),
        (TcpAddress("2001:db8::1", 4000), "2001:db8::/64"),
        (TcpAddress("2001:db8::ffff:ffff:ffff:ffff", 4000), "2001:db8::/64"),
        (TcpAddress("2001:db8:0:1::1", 4000), "2001:db8:0:1::/64"),
        (TcpAddress("fe80::1%eth0", 4000), "fe80::/64"),
        (TcpAddress("::1", 4000), "::/64"),
        (UnixAddress("@"), None),
        (UnixAddress("/run/upper.sock"), None),
        (UdpAddress("192.0.2.1", 4000), None),
        (FdAddress(3), None),
    ],
)
def test_what_counts_as_one_peer(peer: Address, group: str | None) -> None:
    assert peer_group(peer) == group
