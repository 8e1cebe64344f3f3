"""The addresses of this machine, in the order in which somebody else would call them."""

from __future__ import annotations

import ipaddress
import sys

import pytest

from landline.transport import interfaces
from landline.transport.interfaces import Interface, default_route, ipv4_addresses, ipv4_interfaces
from tests.namespaces import Namespace, needs_namespaces

TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
{}"""
WLAN = "wlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
CABLE = "eth1\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
DOWN = "eth2\t00000000\t0102000A\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"
HALF = "tun0\t00000000\t0102000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("", None),
        (TABLE.format(""), None),
        (TABLE.format(WLAN), "wlan0"),
        (TABLE.format(WLAN + CABLE), "eth1"),
        (TABLE.format(CABLE + DOWN + HALF), "eth1"),
        (TABLE.format("cut\t00000000\n"), None),
    ],
)
def test_the_cheapest_default_route(table: str, name: str | None) -> None:
    assert default_route(table) == name


def test_loopback_is_there_and_last() -> None:
    found = ipv4_interfaces()
    assert found[-1] == Interface("lo", "127.0.0.1", True)
    assert [one.loopback for one in found] == sorted(one.loopback for one in found)
    assert [str(ipaddress.IPv4Address(one)) for one in ipv4_addresses()] == [one.address for one in found]


def test_an_interface_that_is_not_there_and_a_table_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo"), (9, "gone0")])
    monkeypatch.setattr(interfaces, "ROUTES", "/proc/net/no-such-table")
    assert ipv4_addresses() == ["127.0.0.1"]


SHOW = "from landline.transport.interfaces import ipv4_addresses; print(*ipv4_addresses())"


@needs_namespaces
def test_the_order_where_there_are_several() -> None:
    with Namespace() as home, Namespace() as away:
        assert home.run(sys.executable, "-c", SHOW) == ""
        home.run("ip", "link", "set", "lo", "up")
        home.join(away, "10.99.1.1", "10.99.1.2")
        home.join(away, "10.99.2.1", "10.99.2.2")
        assert home.run(sys.executable, "-c", SHOW).split() == ["10.99.1.1", "10.99.2.1", "127.0.0.1"]
        home.run("ip", "route", "add", "default", "via", "10.99.2.2")
        assert home.run(sys.executable, "-c", SHOW).split() == ["10.99.2.1", "10.99.1.1", "127.0.0.1"]
