"""Two nodes of one chat, as processes, with a real server of NATS between them."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.integration.chatcrowd import Crowd, Sayer, check, stored
from tests.integration.chatrig import UNBOUNDED, Person, Program, chatting
from tests.integration.rig import WAIT_SECONDS, Serving, unused_port
from tests.natsserver import NatsServer, find_server

pytestmark = pytest.mark.skipif(find_server() is None, reason="nats-server is not installed")


def members(program: Program, room: str) -> list[str]:
    program.ask("who", room=room)
    return sorted(person["nick"] for person in program.until("members")["members"])


def wait_for_members(program: Program, room: str, nicks: list[str]) -> float:
    """Wait until these are in a room. How long it took in seconds."""
    begun = time.monotonic()
    while (there := members(program, room)) != nicks:
        assert time.monotonic() - begun < WAIT_SECONDS, there
        time.sleep(0.05)
    return time.monotonic() - begun


def test_two_nodes_are_one_chat_and_one_may_be_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        nats = stack.enter_context(NatsServer(tmp_path / "nats"))
        options = (*UNBOUNDED, "--cluster", nats.address)
        first = stack.enter_context(chatting(tmp_path / "first", *options))
        second = stack.enter_context(chatting(tmp_path / "second", *options))
        ann = stack.enter_context(Program(first.addresses[0], "ann", "tea"))
        bob = stack.enter_context(Program(second.addresses[0], "bob", "tea"))
        nc = stack.enter_context(Person(second.addresses[0]))
        assert ann.joined["epoch"] == bob.joined["epoch"]
        nc.say("/nick cat")
        nc.say("/join tea")
        for program in (ann, bob):
            wait_for_members(program, "tea", ["ann", "bob", "cat"])
        # Everybody hears everybody, in one order.
        for number in range(50):
            (ann, bob)[number % 2].ask("say", room="tea", body=f"line {number}", cid=f"c{number}")
        order = [[program.until("message")["body"] for _ in range(50)] for program in (ann, bob)]
        assert order[0] == order[1]
        assert sorted(order[0]) == sorted(f"line {number}" for number in range(50))
        ann.ask("msg", to="bob", body="psst")
        assert bob.until("message")["body"] == "psst"
        ann.ask("typing", room="tea")
        assert bob.until("typing")["nick"] == "ann"
        # The second node dies: its people are gone, and come back on the first one, where nothing is missing.
        second.process.kill()
        second.process.wait()
        seconds = wait_for_members(ann, "tea", ["ann"])
        print(f"the people of a killed node are gone after {seconds:.1f} s")
        for number in range(5):
            assert ann.say(f"meanwhile {number}", "tea")["seq"] == 51 + number
        token = bob.welcome["token"]
        with Program(first.addresses[0], "bob", token=token) as moved:
            assert moved.welcome["id"] == bob.welcome["id"]
            moved.ask("resume", room="tea", epoch=bob.joined["epoch"], seq=50)
            assert moved.until("joined")["recovered"] is True
            assert [one["seq"] for one in moved.until("page")["messages"]] == [51, 52, 53, 54, 55]
            # What was said to the node that died is not said twice.
            again = moved.say("line 1", "tea", "c1")
            assert again["duplicate"] is True and again["seq"] <= 50
        # The second node comes back on what it had, and catches up.
        back = stack.enter_context(chatting(tmp_path / "second", *options))
        with Program(back.addresses[0], "bob", token=token) as returned:
            returned.ask("resume", room="tea", epoch=bob.joined["epoch"], seq=50)
            assert returned.until("joined")["recovered"] is True
            assert [one["seq"] for one in returned.until("page")["messages"]] == [51, 52, 53, 54, 55]


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_nodes_that_are_killed_by_turns_forget_nothing(tmp_path: Path) -> None:
    """Programs go to the other node whenever theirs is killed, and come to the same messages there."""
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    random = Random(seed)
    addresses = [f"tcp://127.0.0.1:{unused_port()}" for _ in range(2)]
    with NatsServer(tmp_path / "nats") as nats, ExitStack() as stack:
        options = (*UNBOUNDED, "--cluster", nats.address)

        def start(number: int) -> Serving:
            node = chatting(tmp_path / f"node{number}", *options, addresses=[addresses[number]])
            return stack.enter_context(node)

        nodes = [start(0), start(1)]
        crowd = Crowd(addresses)
        sayers = [Sayer(crowd, f"sayer{number}") for number in range(4)]
        crowd.up()
        try:
            for sayer in sayers:
                sayer.start()
            for turn in range(10):
                crowd.wait_for(random.randrange(1, 400))
                nodes[turn % 2].process.kill()
                nodes[turn % 2].process.wait()
                crowd.wait_for(random.randrange(1, 400))
                nodes[turn % 2] = start(turn % 2)
        except BaseException:
            crowd.is_abandoned = True
            raise
        finally:
            crowd.is_over = True
            for sayer in sayers:
                sayer.join(WAIT_SECONDS)
        kept = stored(addresses[0], "lobby")
        check(sayers, kept)
        assert stored(addresses[1], "lobby") == kept
        print(f"{crowd.acknowledged} acknowledged, {sum(one.duplicates for one in sayers)} twice")
