"""Who may come in: exact counts of connections, in all and for each peer. Pure."""

from __future__ import annotations

import ipaddress

from landline.address import Address, TcpAddress


class Admission:
    """Counts connections and refuses those over `max_connections` or over `max_per_peer` of one group."""

    def __init__(self, max_connections: int, max_per_peer: int) -> None:
        self.max_connections = max_connections
        self.max_per_peer = max_per_peer
        self.inside = 0
        self._by_group: dict[str, int] = {}

    def admit(self, group: str | None) -> str | None:
        """Ask for a place for a peer of `group` (None: a peer that is not counted by group).

        Returns None and takes the place, or says in words why there is none.
        """
        if self.inside >= self.max_connections:
            return f"all {self.max_connections} places are taken (max_connections)"
        if group is not None:
            taken = self._by_group.get(group, 0)
            if taken >= self.max_per_peer:
                return f"{group} has {taken} of {self.max_per_peer} places already (max_connections_per_peer)"
            self._by_group[group] = taken + 1
        self.inside += 1
        return None

    def release(self, group: str | None) -> None:
        """Give a place back that `admit` gave to a peer of `group`."""
        self.inside -= 1
        if group is not None:
            self._by_group[group] -= 1
            if not self._by_group[group]:
                del self._by_group[group]


def peer_group(peer: Address) -> str | None:
    """What counts as one peer: an IPv4 address; an IPv6 /64, as one machine owns all of it (RFC 7934); no Unix peer."""
    if not isinstance(peer, TcpAddress):
        return None
    host = ipaddress.ip_address(peer.host.partition("%")[0])
    if isinstance(host, ipaddress.IPv4Address):
        return str(host)
    if host.ipv4_mapped is not None:
        return str(host.ipv4_mapped)
    return str(ipaddress.ip_network((host, 64), strict=False))
