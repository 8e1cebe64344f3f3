"""Several nodes on a real server of NATS: what every bus does, and what happens when something of it is killed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from landline.chat.natsbus import DOWN, NOT_ACKNOWLEDGED, STUCK, NatsBus
from landline.chat.natslink import Link
from landline.chat.natsstream import EPOCH, Names, head_of
from landline.chat.neighbours import LEASE_SECONDS
from landline.chat.ports import Bus
from landline.chat.proposals import REFUSED
from landline.errors import ChatError
from tests.certs import Files
from tests.chat.buscontract import (
    ANN,
    BOB,
    RULES,
    Recorder,
    Rig,
    Rule,
    name_of,
    people_go_with_a_node_that_is_killed,
    post,
    posts,
)
from tests.gate import Gate
from tests.loops import LOOPS, on_both_loops, run_on
from tests.natsserver import NatsServer, find_server
from tests.sockets import free_port, plain_listener

pytestmark = pytest.mark.skipif(find_server() is None, reason="nats-server is not installed")
NUMBERS = itertools.count()
QUICK = [rule for rule in RULES if rule is not people_go_with_a_node_that_is_killed]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server for all tests that do not harm it; each has a chat of its own on it."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that may be killed."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


def rig_on(address: str, options: str = "") -> Rig:
    """A chat nobody else has."""
    full = f"{address}/test{next(NUMBERS)}{options}"
    return Rig(lambda: NatsBus(full))


async def obey(rule: Rule, address: str) -> None:
    async with rig_on(address) as rig:
        await rule(rig)


@pytest.mark.parametrize("rule", QUICK, ids=name_of)
@on_both_loops
async def test_it_does_what_every_bus_does(rule: Rule, shared: NatsServer) -> None:
    await obey(rule, shared.address)


# What waits until a lease has run out takes four seconds: such tests run on one loop each.
def test_people_go_with_a_node_that_is_killed(shared: NatsServer) -> None:
    run_on(LOOPS["asyncio"], obey(people_go_with_a_node_that_is_killed, shared.address))


async def consumers_of(bus: NatsBus, stream: str) -> list[str]:
    """The consumers that a stream has now."""
    link = Link()
    await link.dial(bus.cluster, "looking")
    try:
        answer = await link.manage(f"CONSUMER.NAMES.{stream}")
        return list(answer.get("consumers") or [])
    finally:
        await link.close()


@on_both_loops
async def test_nothing_is_left_on_the_server_by_a_node_that_stopped(shared: NatsServer) -> None:
    async with rig_on(shared.address) as rig:
        for _ in range(3):
            node, bus = await rig.attach()
            await node.until(lambda node=node: bool(node.got))  # type: ignore[misc]
            await bus.stop()
        assert isinstance(bus, NatsBus)
        names = Names(bus.cluster.name)
        assert await consumers_of(bus, names.stream) == []
        assert await consumers_of(bus, names.leases) == []


@on_both_loops
async def test_everything_goes_on_when_the_server_was_killed(
    own: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with rig_on(own.address) as rig:
        one, one_bus, other, other_bus = await rig.pair()
        one_bus.came("lobby", ANN)
        await other.until(lambda: other.here() == [("lobby", "ann")])
        for entry in posts("before", 50):
            one_bus.propose(entry)
        await other.has("before0")
        own.kill()
        for entry in posts("during", 50, "garden"):
            other_bus.propose(entry)
        await one.until(lambda: [up for up, _ in one.links] == [False])
        await other.until(lambda: [up for up, _ in other.links] == [False])
        own.start()
        back_at = time.monotonic()
        await one.has("during49")
        delivered = time.monotonic() - back_at
        await other.has("during49", "before49")
        await one.has("before49")
        assert [up for up, _ in one.links] == [up for up, _ in other.links] == [False, True]
        other_bus.came("lobby", BOB)
        await one.until(lambda: one.here() == [("lobby", "bob")])
        expect_all_once(one, other, "before", "during", count=50)
        assert other.here() == [("lobby", "ann")] and one.gone == other.gone == []
    with capsys.disabled():
        print(f"\n  what was proposed while the server was away came {delivered:.2f} s after it was back")


def expect_all_once(one: Recorder, other: Recorder, *prefixes: str, count: int) -> None:
    """Both nodes have the same, every entry once, those of one room in order."""
    assert one.got == other.got
    assert [position for position, _ in one.got] == list(range(1, len(one.got) + 1))
    for prefix in prefixes:
        assert [name for name in one.ids() if name.startswith(prefix)] == [f"{prefix}{at}" for at in range(count)]
    assert one.failures == other.failures == []


@pytest.mark.parametrize(("how", "loop"), [("cut", "uvloop"), ("silence", "asyncio")])
def test_a_node_that_is_cut_off_comes_back(how: str, loop: str, shared: NatsServer) -> None:
    run_on(LOOPS[loop], cut_off_and_back(how, shared))


async def cut_off_and_back(how: str, shared: NatsServer) -> None:
    async with Gate(shared.port) as gate:
        name = f"test{next(NUMBERS)}"
        addresses = itertools.chain(
            [f"nats://127.0.0.1:{gate.port}/{name}"], itertools.repeat(f"{shared.address}/{name}")
        )
        async with Rig(lambda: NatsBus(next(addresses))) as rig:
            far, far_bus, near, near_bus = await rig.pair()
            far_bus.came("lobby", ANN)
            near_bus.came("lobby", BOB)
            await near.until(lambda: near.here() == [("lobby", "ann")])
            await far.until(lambda: far.here() == [("lobby", "bob")])
            getattr(gate, how)()
            far_bus.propose(post("from far", "garden"))
            near_bus.propose(post("from near"))
            near_bus.came("garden", BOB)
            await near.has("from near")
            await far.until(lambda: [up for up, _ in far.links] == [False])
            await near.until(lambda: near.here() == [])
            gate.let_through()
            await far.has("from near", "from far")
            await near.has("from far")
            await near.until(lambda: near.here() == [("lobby", "ann")])
            await far.until(lambda: far.here() == [("garden", "bob"), ("lobby", "bob")])
            assert far.got == near.got
            assert [up for up, _ in far.links] == [False, True] and near.links == []
            assert far.failures == near.failures == []


@on_both_loops
async def test_a_proposal_that_finds_no_cluster_is_given_up(own: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.proposals.PROPOSAL_SECONDS", 0.3)
    async with rig_on(own.address) as rig:
        node, bus = await rig.attach()
        await node.until(lambda: bool(node.got))
        own.kill()
        await node.until(lambda: [up for up, _ in node.links] == [False])
        bus.propose(post("lost"))
        await node.until(lambda: bool(node.failures))
        ((name, why, unsure),) = node.failures
        assert (name, why, unsure) == ("lost", NOT_ACKNOWLEDGED, False)
        assert isinstance(bus, NatsBus) and "Connection refused" in bus.trouble
        assert [told for _, told in node.links] == [DOWN]
        own.start()
        await node.until(lambda: [up for up, _ in node.links] == [False, True])
        bus.propose(post("found"))
        await node.has("found")
        assert node.ids() == ["found"]


@on_both_loops
async def test_a_proposal_without_an_answer_may_come_all_the_same(
    shared: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.chat.proposals.PROPOSAL_SECONDS", 0.2)
    async with Gate(shared.port) as gate, rig_on(f"nats://127.0.0.1:{gate.port}") as rig:
        node, bus = await rig.attach()
        await node.until(lambda: bool(node.got))
        gate.silence()
        bus.propose(post("unsure"))
        await node.until(lambda: [(name, unsure) for name, _, unsure in node.failures] == [("unsure", True)])
        gate.let_through()
        await node.has("unsure")


@on_both_loops
async def test_what_the_server_refuses_is_told(shared: NatsServer) -> None:
    async with rig_on(shared.address) as rig:
        node, bus = await rig.attach()
        assert isinstance(bus, NatsBus)
        await node.until(lambda: bool(node.got))
        bus.propose(post("large" * 300_000))
        await node.until(lambda: [unsure for _, _, unsure in node.failures] == [False])
        assert node.failures[0][1] == REFUSED
        bus.propose(post("small"))
        await node.has("small")


@on_both_loops
async def test_a_stranger_in_the_log_is_left_out_and_a_riddle_stops_the_node(shared: NatsServer) -> None:
    async with rig_on(shared.address) as rig:
        node, bus = await rig.attach()
        assert isinstance(bus, NatsBus) and rig.genesis is not None
        link = Link()
        await link.dial(bus.cluster, "a stranger")
        subject = Names(bus.cluster.name).subject("lobby")
        await link.ask(subject, b"what is this?")
        bus.propose(post("mine"))
        await node.has("mine")
        await link.ask(subject, b'{"kind":"of another version"}', {EPOCH: rig.genesis.epoch})
        await link.close()
        await node.until(lambda: [up for up, _ in node.links] == [False])
        assert node.links[0][1] == STUCK
        assert "entry 4 of the log cannot be read by this version" in bus.trouble
        assert [position for position, _ in node.got] == [1, 3]


@on_both_loops
async def test_entries_that_were_removed_do_not_stop_the_others(shared: NatsServer) -> None:
    async with rig_on(shared.address) as rig:
        node, bus = await rig.attach()
        assert isinstance(bus, NatsBus)
        for entry in posts("p", 5):
            bus.propose(entry)
        await node.has("p4")
        names = Names(bus.cluster.name)
        link = Link()
        await link.dial(bus.cluster, "a bad operator")
        assert (await head_of(link, names)).last == 6
        config = (await link.manage(f"STREAM.INFO.{names.stream}"))["config"] | {"deny_delete": False}
        with pytest.raises(Exception, match="deny"):
            await link.manage(f"STREAM.UPDATE.{names.stream}", config)
        await link.manage(f"STREAM.PURGE.{names.stream}", {"seq": 4})
        await link.close()
        with pytest.raises(ChatError, match="does not reach back to entry 1, it begins at 4"):
            await rig.attach()
        late, _ = await rig.attach(None, 3, rig.genesis)
        await late.has("p2", "p3", "p4")


async def refusal(node: Recorder, bus: NatsBus, reason: str) -> None:
    """Propose, and find it not taken, until this is the reason."""
    while reason not in bus.trouble:
        bus.propose(post(reason))
        known = len(node.failures)
        await node.until(lambda known=known: len(node.failures) > known)  # type: ignore[misc]


@on_both_loops
async def test_a_log_that_was_lost_is_not_followed(shared: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.proposals.PROPOSAL_SECONDS", 0.1)
    async with rig_on(shared.address) as rig:
        node, bus = await rig.attach()
        assert isinstance(bus, NatsBus)
        for entry in posts("p", 5):
            bus.propose(entry)
        await node.has("p4")
        stream = Names(bus.cluster.name).stream
        link = Link()
        await link.dial(bus.cluster, "a bad operator")
        await link.manage(f"STREAM.DELETE.{stream}")
        await refusal(node, bus, "stream not found")
        # Another log under the same name, shorter, and then longer than what this node has read.
        other = NatsBus(bus.cluster)
        await other.start(Recorder(), 0, None)
        await refusal(node, bus, "ends at entry 1, and this node has applied 6")
        for entry in posts("q", 9):
            other.propose(entry)
        await other.stop()
        await refusal(node, bus, "is another than it was")
        await link.close()
        assert [up for up, _ in node.links] == [False]
        assert node.ids() == ["p0", "p1", "p2", "p3", "p4"]


async def problem_of(address: str) -> str:
    """Why a node cannot start there."""
    bus: Bus = NatsBus(address)
    with pytest.raises(ChatError) as caught:
        await bus.start(Recorder(), 0, None)
    return str(caught.value)


def test_why_a_node_cannot_start(tmp_path: Path) -> None:
    with ExitStack() as stack:
        closed = stack.enter_context(NatsServer(tmp_path / "closed", "--user", "ann", "--pass", "secret"))
        plain = stack.enter_context(NatsServer(tmp_path / "plain", jetstream=False))
        port = stack.enter_context(free_port())
        silent = stack.enter_context(plain_listener()).getsockname()[1]
        refused = "refuses us: check the user and the password"
        cases = {
            closed.address: refused,
            f"nats://ann:wrong@127.0.0.1:{closed.port}": refused,
            f"nats://token@127.0.0.1:{closed.port}": refused,
            f"tls://ann:secret@127.0.0.1:{closed.port}": "the server does not speak TLS",
            f"nats://ann:secret@127.0.0.1:{closed.port}?replicas=3": "refuses what a chat needs: replicas > 1",
            plain.address: "has no JetStream, or it is not ready: start nats-server with -js",
            f"nats://127.0.0.1:{port}": "Connection refused",
            f"nats://127.0.0.1:{silent}": "it does not answer",
            f"nats://127.0.0.1:{port}?ca={tmp_path}/none": "cannot be read: No such file",
        }

        async def all_of_them() -> list[str]:
            return await asyncio.gather(*map(problem_of, cases))

        for problem, expected in zip(asyncio.run(all_of_them()), cases.values(), strict=True):
            assert expected in problem and "secret" not in problem and "wrong" not in problem


@on_both_loops
async def test_a_user_with_a_password(tmp_path: Path) -> None:
    with NatsServer(tmp_path, "--user", "ann", "--pass", "a b/c") as server:
        async with rig_on(f"nats://ann:a%20b%2Fc@127.0.0.1:{server.port}") as rig:
            node, bus = await rig.attach()
            bus.propose(post("hello"))
            await node.has("hello")


@on_both_loops
async def test_over_tls(tmp_path: Path) -> None:
    files = Files(tmp_path)
    certificate, key = files.server()
    options = ("--tls", f"--tlscert={certificate}", f"--tlskey={key}", "--user", "ann", "--pass", "secret")
    with NatsServer(tmp_path / "nats", *options) as server:
        place = f"ann:secret@127.0.0.1:{server.port}"
        for scheme in ("tls", "nats"):
            async with rig_on(f"{scheme}://{place}", f"?ca={files.ca()}") as rig:
                node, bus = await rig.attach()
                bus.propose(post("hello"))
                await node.has("hello")
        for address in (f"tls://{place}?ca={files.ca(1)}", f"tls://{place}"):
            assert "is not trusted" in await problem_of(address)


@on_both_loops
async def test_a_stream_that_is_no_log_is_left_alone(shared: NatsServer) -> None:
    bus = NatsBus(f"{shared.address}/taken{next(NUMBERS)}")
    stream = Names(bus.cluster.name).stream
    link = Link()
    await link.dial(bus.cluster, "somebody else")
    await link.manage(f"STREAM.CREATE.{stream}", {"name": stream, "subjects": [f"orders{next(NUMBERS)}"]})
    await link.close()
    with pytest.raises(ChatError, match="so it is not of a chat: name another"):
        await bus.start(Recorder(), 0, None)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_and_nothing_twice_however_often_the_server_is_killed(seed: int, own: NatsServer) -> None:
    random = Random(seed)
    print(f"seed {seed}")

    async def run() -> None:
        async with rig_on(own.address) as rig:
            one, one_bus, other, other_bus = await rig.pair()
            for number in range(20):
                for entry in posts(f"a{number}/", 100, "lobby"):
                    one_bus.propose(entry)
                for entry in posts(f"b{number}/", 100, "garden"):
                    other_bus.propose(entry)
                await asyncio.sleep(random.uniform(0, 0.1))
                own.kill()
                await asyncio.sleep(random.uniform(0, 0.5))
                own.start()
                last = (f"a{number}/99", f"b{number}/99")
                await one.has(*last)
                await other.has(*last)
            prefixes = [f"{side}{number}/" for side in "ab" for number in range(20)]
            expect_all_once(one, other, *prefixes, count=100)

    asyncio.run(run())


def three_servers(folder: Path, stack: ExitStack) -> list[NatsServer]:
    """Three servers that keep everything three times."""
    ports = [stack.enter_context(free_port()) for _ in range(3)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
    stack.pop_all().close()
    servers = []
    for number, port in enumerate(ports):
        options = ("--cluster_name", "tests", "--name", f"s{number}", "--routes", routes)
        server = NatsServer(folder / str(number), *options, "--cluster", f"nats://127.0.0.1:{port}")
        servers.append(stack.enter_context(server))
    return servers


@pytest.mark.torture
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", range(3))
def test_one_of_three_servers_is_killed(victim: int, tmp_path: Path) -> None:
    async def run(servers: list[NatsServer]) -> None:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        async with rig_on(f"nats://{hosts}", "?replicas=3") as rig:
            one, one_bus, other, other_bus = await rig.pair()
            one_bus.came("", ANN)
            other_bus.came("", BOB)
            await one.until(lambda: one.here() == [("", "bob")])
            await other.until(lambda: other.here() == [("", "ann")])
            for entry in posts("before", 100):
                one_bus.propose(entry)
            await other.has("before99")
            servers[victim].kill()
            killed_at = time.monotonic()
            for entry in posts("after", 100):
                one_bus.propose(entry)
            for entry in posts("too", 100, "garden"):
                other_bus.propose(entry)
            for node in (one, other):
                await node.has("after99", "too99")
            print(f"server {victim} of 3 was killed: all was there {time.monotonic() - killed_at:.2f} s later")
            expect_all_once(one, other, "before", "after", "too", count=100)
            await asyncio.sleep(LEASE_SECONDS + 1)
            print(one.links, other.links)
            assert one.gone == other.gone == []

    with ExitStack() as stack:
        servers = three_servers(tmp_path, stack)
        asyncio.run(until_it_starts(servers))
        asyncio.run(run(servers))


async def until_it_starts(servers: list[NatsServer]) -> None:
    """Wait until the servers have chosen a leader."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    for _ in range(100):
        bus = NatsBus(f"nats://{hosts}/first?replicas=3")
        try:
            await bus.start(Recorder(), 0, None)
        except ChatError as error:
            print(error)
            await asyncio.sleep(0.2)
        else:
            await bus.stop()
            return
    raise AssertionError("no leader")
