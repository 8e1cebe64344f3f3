"""Twenty senders at one drop, of which one stalls; and a connection that takes over from one that hangs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from landline.transfer import epoch
from landline.transfer.drop import Drop
from landline.transfer.options import SendOptions
from landline.transfer.sendfiles import send
from landline.transfer.wire import FileEnd
from tests.transfer.hostile import Hung, Peer, chunk, end, file, tree

MIB = 1024 * 1024


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drop]:
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(epoch, "BYE_SECONDS", 1.0)
    there = tmp_path / "there"
    there.mkdir()
    with Drop(there, "tls://127.0.0.1:0") as one:
        yield one


def stall_while_sending(peer: Peer) -> None:
    """Half a chunk, and nothing more."""
    data = os.urandom(MIB)
    sock = peer.planned(file(b"stalled", size=MIB))
    sock.sendall(chunk(0, 0, data)[: MIB // 2])


def stall_while_reading(peer: Peer) -> None:
    """Damaged chunks, for which it is asked again and again, and no answer is read."""
    peer.sock.setsockopt(1, 8, 1024)  # SOL_SOCKET, SO_RCVBUF
    peer.begin(*(file(b"%04d" % number, size=MIB) for number in range(4000)), last=False)


@pytest.mark.parametrize("stall", [stall_while_sending, stall_while_reading])
def test_nineteen_do_not_wait_for_the_twentieth(tmp_path: Path, drop: Drop, stall: object) -> None:
    assert callable(stall)
    for number in range(19):
        folder = tmp_path / f"from{number}"
        folder.mkdir()
        (folder / "large").write_bytes(os.urandom(MIB + number))
        for small in range(10):
            (folder / f"small{small}").write_bytes(os.urandom(100 * small))
    with Peer(str(drop.address)) as stalled, ThreadPoolExecutor(19) as pool:
        stall(stalled)
        receipts = list(pool.map(lambda number: send([tmp_path / f"from{number}"], drop.address), range(19)))
        assert [receipt.landed for receipt in receipts] == [11] * 19
        for number in range(19):
            assert tree(tmp_path / "there" / f"from{number}") == tree(tmp_path / f"from{number}")
        assert not (tmp_path / "there" / "stalled").exists()


def test_twenty_for_the_same_names_land_under_twenty(tmp_path: Path, drop: Drop) -> None:
    for number in range(20):
        folder = tmp_path / f"from{number}"
        folder.mkdir()
        (folder / "report").write_bytes(b"%d" % number * 1000)
    options = SendOptions(if_exists="rename")
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda one: send([tmp_path / f"from{one}" / "report"], drop.address, options=options), range(20)))
    landed = sorted(tree(tmp_path / "there").values())
    assert landed == sorted(b"%d" % number * 1000 for number in range(20))


def test_the_newest_connection_takes_over(tmp_path: Path, drop: Drop) -> None:
    data = os.urandom(MIB)
    entry = file(b"one", size=MIB)
    with Peer(str(drop.address)) as hung, Peer(str(drop.address), hung.transfer) as second:
        old = hung.planned(entry)
        old.sendall(chunk(0, 0, data)[: MIB // 2])
        sock = second.planned(entry)
        assert second.accept.epoch == hung.accept.epoch + 1
        # The old one wakes up, and nobody listens.
        try:
            old.sendall(chunk(0, 0, bytes(MIB))[MIB // 2 :])
            hung.say(FileEnd(0, 0, MIB, bytes(32)))
        except OSError:
            pass
        fault, _ = hung.ending()
        assert fault == "superseded"
        with pytest.raises((Hung, OSError)):
            hung.join(2)
            hung.offer()
        sock.sendall(chunk(0, 0, data))
        second.say(end(0, data, entry))
        assert second.over().landed == 1
    assert tree(tmp_path / "there") == {b"one": data}
