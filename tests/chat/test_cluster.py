"""Where the nodes of a chat meet."""

from __future__ import annotations

import pytest

from landline.chat.cluster import Cluster, parse_cluster
from landline.errors import AddressError


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("nats://one", Cluster((("one", 4222),))),
        ("nats://one:1", Cluster((("one", 1),))),
        ("nats://one/", Cluster((("one", 4222),))),
        ("nats://one/team-1", Cluster((("one", 4222),), "team-1")),
        ("nats://one,two:4333,[::1]:9", Cluster((("one", 4222), ("two", 4333), ("::1", 9)))),
        ("tls://one?ca=/a/b.pem", Cluster((("one", 4222),), is_tls=True, ca="/a/b.pem")),
        ("nats://one/x?replicas=3", Cluster((("one", 4222),), "x", replicas=3)),
        ("nats://ann:a%40b%2f@one", Cluster((("one", 4222),), user="ann", password="a@b/")),
        ("nats://token@one", Cluster((("one", 4222),), user="token")),
    ],
)
def test_an_address_is_read(text: str, cluster: Cluster) -> None:
    assert parse_cluster(text) == cluster


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the scheme of '' must be nats:// or tls://"),
        ("one:4222", "the scheme of 'one:4222' must be nats:// or tls://"),
        ("http://one", "the scheme of 'http://one' must be nats:// or tls://"),
        ("nats://", "the host of 'nats://' must be a name or an address, with a port behind a colon"),
        ("nats://one,", "the host of 'nats://one,' must be"),
        ("nats://o ne", "the host of 'nats://o ne' must be"),
        ("nats://one:x", "the host of 'nats://one:x' must be"),
        ("nats://one:0", "the port of 'nats://one:0' must be from 1 to 65535"),
        ("nats://one:65536", "the port of 'nats://one:65536' must be from 1 to 65535"),
        ("nats://one/a.b", "the name of 'nats://one/a.b' may have 1 to 32 letters, digits, - and _"),
        ("nats://one/a/b", "the name of 'nats://one/a/b' may have"),
        (f"nats://one/{'x' * 33}", "may have 1 to 32 letters"),
        ("nats://one?replicas=2", "the number of replicas of 'nats://one?replicas=2' must be 1, 3 or 5"),
        ("nats://one?speed=9", "the option of 'nats://one?speed=9' 'speed' is unknown"),
    ],
)
def test_what_is_no_address_is_told_apart(text: str, sentence: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_cluster(text)
    assert str(caught.value).startswith(sentence) or sentence in str(caught.value)


@pytest.mark.parametrize("text", ["http://ann:secret@one", "nats://ann:secret@one:0", "nats://secret@one/a b"])
def test_a_password_is_never_shown(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_cluster(text)
    assert "secret" not in str(caught.value)


def test_what_is_shown_and_what_is_called() -> None:
    cluster = parse_cluster("tls://ann:secret@one,[::1]:9/x")
    assert str(cluster) == "tls://one:4222,[::1]:9"
    assert cluster.urls == ["tls://one:4222", "tls://[::1]:9"]
    assert "secret" not in repr(cluster)
    assert str(parse_cluster("nats://one")) == "nats://one:4222"
