"""Typed calls: one by one, many at once, rejected, and by somebody with nothing but lines."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from landline import blocking
from tests.examples.rig import EXAMPLES, WAIT_SECONDS, example, run
from tests.loops import on_both_loops
from tests.services import serving
from typed_rpc import shelves, store, store_client

PROGRAM = str(EXAMPLES / "typed_rpc.py")

CALLED = """\
apples: 100
ten calls at once leave: 99 97 94 90 85 79 72 64 55 45
too_few: there are 3 of pear, and not 5
unknown_item: there is no plum in this store
invalid: Expected `int` >= 1 - at `$.count`
pears: 3
"""


def test_a_client_calls_a_server() -> None:
    with example("typed_rpc.py", "serve", "tcp://127.0.0.1:0") as server:
        assert run(sys.executable, PROGRAM, "call", server.address) == CALLED


def test_the_protocol_can_be_spoken_by_hand() -> None:
    with (
        example("typed_rpc.py", "serve", "tcp://127.0.0.1:0") as server,
        blocking.connect(server.address, timeout_seconds=WAIT_SECONDS) as line,
    ):
        assert isinstance(line, blocking.BlockingConnection)
        line.send_all([b'7 {"type":"Look","item":"pear"}', b'8 {"type":"Steal","item":"pear"}'])
        assert line.receive() == b'7 {"type":"Left","item":"pear","count":3}'
        assert line.receive().startswith(b'8 {"type":"error","code":"unknown_type",')


@on_both_loops
async def test_many_callers_never_take_more_than_there_is() -> None:
    shelves["apple"] = 100
    async with serving(store) as address, store_client(str(address)) as one, store_client(str(address)) as other:
        calls = [client.take("apple") for _ in range(60) for client in (one, other)]
        done = await asyncio.gather(*calls, return_exceptions=True)
    left = [one for one in done if isinstance(one, int)]
    assert (sorted(left), len(done) - len(left), shelves["apple"]) == (list(range(100)), 20, 0)


def test_what_is_typed_wrongly_is_a_sentence() -> None:
    for arguments, sentence in (
        ([], "say what to do: typed_rpc.py serve|call [ADDRESS]\n"),
        (["call", "nowhere"], "the port of 'nowhere' is missing; write for example tcp://127.0.0.1:8101\n"),
    ):
        done = subprocess.run(
            [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS
        )
        assert (done.returncode, done.stderr) == (1, sentence)
