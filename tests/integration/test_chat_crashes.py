"""A chat that is killed, stopped and started again, or has no room, while people talk."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from landline.chat.changes import Connected, Lost, NotRecovered
from tests.integration.chatcrowd import Crowd, Sayer, Watcher, check, stored
from tests.integration.chatrig import UNBOUNDED, Person, Program, chatting, metrics
from tests.integration.rig import WAIT_SECONDS, unused_port

SAYERS = 4
MIB = 1024 * 1024


@contextmanager
def talking(*addresses: str) -> Iterator[tuple[Crowd, list[Sayer]]]:
    """A crowd that talks; at the end of the block the chat runs, and all that was said is stored."""
    crowd = Crowd(addresses)
    sayers = [Sayer(crowd, f"sayer{number}") for number in range(SAYERS)]
    for sayer in sayers:
        sayer.start()
    try:
        yield crowd, sayers
    except BaseException:
        crowd.is_abandoned = True
        raise
    finally:
        crowd.is_over = True
        crowd.up()
        for sayer in sayers:
            sayer.join(WAIT_SECONDS)


def kill_under_load(folder: Path, seeds: range) -> None:
    """Kill a chat with SIGKILL, once for each seed, while programs talk; then look at everything."""
    address = f"tcp://127.0.0.1:{unused_port()}"
    watcher = Watcher(address)
    with talking(address) as (crowd, sayers):
        for seed in seeds:
            more = Random(seed).randrange(1, 600)
            with chatting(folder, *UNBOUNDED, addresses=[address]) as server:
                crowd.up()
                if not watcher.is_in.is_set():
                    watcher.start()
                    assert watcher.is_in.wait(WAIT_SECONDS)
                crowd.wait_for(more)
                crowd.down()
                server.process.kill()
                server.process.wait()
            print(f"seed {seed}: killed behind {crowd.acknowledged} acknowledged messages")
        with chatting(folder, *UNBOUNDED, addresses=[address]):
            crowd.up()
            crowd.wait_for(1)
            crowd.is_over = True
            for sayer in sayers:
                sayer.join(WAIT_SECONDS)
                assert not sayer.is_alive()
            with Program(address, "last", "lobby") as last:
                end = last.say(Watcher.END, cid="end")["seq"]
                watcher.join(WAIT_SECONDS)
            kept = stored(address, "lobby")
            check(sayers, kept)
    assert watcher.error is None and not watcher.is_alive(), watcher.error
    assert end == len(kept) and watcher.seqs == list(range(watcher.seqs[0], end + 1))
    assert not any(isinstance(change, NotRecovered) for change in watcher.course)
    print(f"{sum(len(one.acknowledged) for one in sayers)} acknowledged, {sum(one.duplicates for one in sayers)} twice")


def test_a_chat_that_is_killed_under_load_forgets_nothing(tmp_path: Path) -> None:
    kill_under_load(tmp_path / "data", range(2))


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_a_chat_that_is_killed_twenty_times_forgets_nothing(tmp_path: Path) -> None:
    kill_under_load(tmp_path / "data", range(100, 120))


def test_a_stop_under_load_is_told_to_all_and_loses_nothing(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{unused_port()}"
    watcher = Watcher(address)
    with talking(address) as (crowd, sayers):
        with chatting(tmp_path / "data", *UNBOUNDED, addresses=[address]) as server:
            crowd.up()
            watcher.start()
            assert watcher.is_in.wait(WAIT_SECONDS)
            with (
                Person(address) as person,
                connect(f"ws{address.removeprefix('tcp')}/chat", proxy=None) as page,
            ):
                page.send('{"op":"hello"}')
                crowd.wait_for(200)
                crowd.down()
                server.process.send_signal(signal.SIGTERM)
                assert person.until("the server restarts") == "* the server restarts; come back in 1 s"
                assert person.rest() == b""
                notices = []
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        notices.append(json.loads(page.recv(WAIT_SECONDS)))
                bye = {"type": "bye", "code": "restart", "text": "the server restarts; come back in 1 s"}
                assert notices[-1] == {**bye, "retry_seconds": 1.0}
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
            assert server.process.wait(WAIT_SECONDS) == 0, server.errors()
            assert " 0 cut off" in server.errors().splitlines()[-1]
        with chatting(tmp_path / "data", *UNBOUNDED, addresses=[address]):
            crowd.up()
            crowd.wait_for(1)
            crowd.is_over = True
            for sayer in sayers:
                sayer.join(WAIT_SECONDS)
            kept = stored(address, "lobby")
            check(sayers, kept)
            assert [bye["code"] for sayer in sayers for bye in sayer.byes] == ["restart"] * SAYERS
            assert all(bye["retry_seconds"] == 1 for sayer in sayers for bye in sayer.byes)
            with Program(address, "last", "lobby") as last:
                last.say(Watcher.END, cid="end")
                watcher.join(WAIT_SECONDS)
    assert watcher.error is None, watcher.error
    lost, *_ = (change for change in watcher.course if isinstance(change, Lost))
    assert "the server restarts" in lost.text and lost.seconds >= 1
    assert any(isinstance(change, Connected) and change.is_again for change in watcher.course)
    assert watcher.seqs == list(range(watcher.seqs[0], len(kept) + 2))


def on_a_small_disk(folder: Path) -> list[str]:
    """What stands before a command that is to have its data on a disk of its own, with a file `ballast` on it."""
    folder.mkdir()
    script = f'mount -t tmpfs -o size={3 * MIB} none "$0" && head -c {MIB} /dev/zero > "$0/ballast" && exec "$@"'
    disk = ["unshare", "-m", "sh", "-c", script, str(folder)]
    try:
        subprocess.run([*disk, "true"], check=True, capture_output=True, timeout=WAIT_SECONDS)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    return disk


def test_a_full_disk_is_told_and_room_made_free_is_enough(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with chatting(folder / "data", *UNBOUNDED, prefix=on_a_small_disk(folder)) as server:
        address = server.addresses[0]
        with Person(address) as person, Program(address, "writer", "lobby") as writer:
            said: list[int] = []
            while (answer := writer.say("x" * 4000, cid=f"c{len(said)}"))["type"] == "ack":
                said.append(answer["seq"])
            assert said == list(range(1, len(said) + 1))
            sentence = "the disk of the server is full"
            assert answer["code"] == "storage"
            print(answer["text"])
            told = person.until("messages cannot be stored")
            assert told == f"* messages cannot be stored now: {sentence}"
            assert writer.say("no", cid="no")["code"] == "storage"
            writer.ask("history", room="lobby", limit=1)
            assert writer.until("page")["messages"][0]["seq"] == len(said)
            Path(f"/proc/{server.pid}/root{folder}/ballast").unlink()
            assert writer.say("yes", cid=f"c{len(said)}")["seq"] == len(said) + 1
            assert person.until("stored again") == "* messages are stored again"
            person.until("] writer: yes")
            assert [one["cid"] for one in stored(address, "lobby")] == [f"c{number}" for number in range(len(said) + 1)]
            counted = metrics(address)
            assert counted["commit_failures_total"] == 2
            assert counted["messages_total"] == len(said) + 1
        assert server.errors().count(f"messages cannot be stored in {folder / 'data'}: {sentence}") == 1
        assert "messages are stored again" in server.errors()


def test_a_database_of_the_previous_version_opens(tmp_path: Path) -> None:
    old = (Path(__file__).parents[1] / "chat/databases/version1.sql").read_text("utf-8")
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data/chat.db")) as connection:
        connection.executescript(old)
    with chatting(tmp_path / "data") as server, Program(server.addresses[0], "reader", "lobby") as reader:
        assert reader.welcome["epoch"] == "fedcba9876543210"
        assert reader.welcome["motd"] == "Welcome to the old house"
        assert (reader.joined["seq"], reader.joined["topic"], reader.joined["slow"]) == (2, "Tea and talk", 2.5)
        reader.ask("search", query="kettle")
        assert [one["id"] for one in reader.until("page")["messages"]] == ["old1"]
        assert reader.say("hello from the new house")["seq"] == 3
