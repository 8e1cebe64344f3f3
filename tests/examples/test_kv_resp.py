"""The key-value server: each command, and the programs of Redis itself."""

import subprocess
from collections.abc import Iterator
from typing import cast

import pytest

import kv_resp
from landline import StreamConnection
from resp import array, bulk
from tests.examples.rig import WAIT_SECONDS, example, run
from tests.peers import require_peer


class Line:
    """Stands in for the connection of a command: it only ends."""

    ended = False

    def end(self) -> None:
        """Remember that the conversation was ended."""
        self.ended = True


class Clock:
    """A clock that a test sets."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """An empty database whose time stands still."""
    still = Clock()
    monkeypatch.setattr(kv_resp, "now", still)
    kv_resp.flushdb()
    yield still
    kv_resp.flushdb()


def send(message: bytes) -> bytes | None:
    return kv_resp.answer(message, cast(StreamConnection, Line()))


def ask(command: str) -> bytes | None:
    """The reply to a command, sent as clients do; `~` stands for a line end inside an argument."""
    return send(array(part.replace("~", "\r\n").encode() for part in command.split()))


INTEGER, TYPE = "-ERR value is not an integer or out of range\r\n", f"-{kv_resp.WRONG_TYPE}\r\n"
DIALOGUES = {
    "ping": [("PING", "+PONG\r\n"), ("ping hi", "$2\r\nhi\r\n"), ("ECHO a~b", "$4\r\na\r\nb\r\n")],
    "set and get": [("GET k", "$-1\r\n"), ("SET k v", "+OK\r\n"), ("get k", "$1\r\nv\r\n"), ("Get k", "$1\r\nv\r\n")],
    "line ends in values": [("SET a~ ~", "+OK\r\n"), ("GET a~", "$2\r\n\r\n\r\n")],
    "new or there": [
        ("SET k v XX", "$-1\r\n"), ("SET k v NX", "+OK\r\n"), ("SET k w nx", "$-1\r\n"), ("SET k w XX", "+OK\r\n"),
        ("GET k", "$1\r\nw\r\n"), ("SET k v NX XX", "-ERR syntax error\r\n"), ("SET k v EX", INTEGER),
        ("SET k v EX 0", "-ERR invalid expire time in 'set' command\r\n"), ("SET k v FOO", "-ERR syntax error\r\n"),
    ],
    "numbers": [
        ("INCR n", ":1\r\n"), ("INCRBY n 10", ":11\r\n"), ("DECR n", ":10\r\n"), ("DECRBY n 4", ":6\r\n"),
        ("GET n", "$1\r\n6\r\n"), ("INCRBY n 1.5", INTEGER), ("INCRBY n 007", INTEGER), ("INCRBY n 1_0", INTEGER),
        ("SET n 9223372036854775807", "+OK\r\n"), ("INCR n", "-ERR increment or decrement would overflow\r\n"),
        ("INCRBY n 9223372036854775808", INTEGER), ("SET t text", "+OK\r\n"), ("INCR t", INTEGER),
    ],
    "append": [("APPEND k ab", ":2\r\n"), ("APPEND k c", ":3\r\n"), ("GET k", "$3\r\nabc\r\n")],
    "several": [
        ("MSET a 1 b 2", "+OK\r\n"), ("MGET a x b", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n"), ("DBSIZE", ":2\r\n"),
        ("EXISTS a a x", ":2\r\n"), ("DEL a x", ":1\r\n"), ("MSET a 1 b", "-ERR wrong number of arguments for"
         " 'mset' command\r\n"), ("FLUSHDB", "+OK\r\n"), ("DBSIZE", ":0\r\n"),
    ],
    "keys": [("MSET one 1 two 2", "+OK\r\n"), ("KEYS *", "*2\r\n$3\r\none\r\n$3\r\ntwo\r\n"),
             ("KEYS t?o", "*1\r\n$3\r\ntwo\r\n"), ("KEYS [^t]*", "*1\r\n$3\r\none\r\n")],
    "lists": [
        ("RPUSH l b c", ":2\r\n"), ("LPUSH l a z", ":4\r\n"), ("LLEN l", ":4\r\n"),
        ("LRANGE l 0 -1", "*4\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("LRANGE l -2 9", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("LRANGE l 3 1", "*0\r\n"), ("LRANGE l -9 -9", "*0\r\n"), ("LPOP l", "$1\r\nz\r\n"), ("RPOP l", "$1\r\nc\r\n"),
        ("GET l", TYPE), ("HGET l f", TYPE), ("APPEND l x", TYPE), ("DEL l", ":1\r\n"), ("LPOP l", "$-1\r\n"),
        ("RPOP l", "$-1\r\n"), ("EXISTS l", ":0\r\n"),
    ],
    "hashes": [
        ("HSET h f v g w", ":2\r\n"), ("HSET h f x", ":0\r\n"), ("HGET h f", "$1\r\nx\r\n"), ("HGET h q", "$-1\r\n"),
        ("HGETALL h", "*4\r\n$1\r\nf\r\n$1\r\nx\r\n$1\r\ng\r\n$1\r\nw\r\n"),
        ("LPUSH h a", TYPE), ("HDEL h f g q", ":2\r\n"),
        ("EXISTS h", ":0\r\n"), ("HSET h f", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET h f v g", "-ERR wrong number of arguments for 'hset' command\r\n"),
    ],
    "what clients ask": [
        ("COMMAND DOCS", "*0\r\n"), ("CONFIG GET save", "*0\r\n"),
        ("CONFIG SET a b", "-ERR only CONFIG GET is there\r\n"),
        ("SELECT 0", "+OK\r\n"), ("SELECT 1", "-ERR DB index is out of range\r\n"),
        ("INFO", bulk(b"# Server\r\nserver:landline example\r\n# Keyspace\r\ndb0:keys=0\r\n").decode()),
    ],
    "mistakes": [
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
        ("NOPE a b~c", "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b  c'\r\n"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
def test_commands(name: str, clock: Clock) -> None:
    for command, reply in DIALOGUES[name]:
        assert ask(command) == reply.encode(), command


def test_a_key_ends_when_its_time_is_over(clock: Clock) -> None:
    assert [ask("SET a 1 EX 10"), ask("SET b 2 PX 1500"), ask("SET c 3"), ask("EXPIRE c 20")] == [b"+OK\r\n"] * 3 + [
        b":1\r\n"
    ]
    assert [ask("TTL a"), ask("TTL c"), ask("TTL x"), ask("EXPIRE x 1")] == [
        b":10\r\n",
        b":20\r\n",
        b":-2\r\n",
        b":0\r\n",
    ]
    clock.seconds += 1.5
    assert [ask("GET b"), ask("GET a"), ask("DBSIZE")] == [b"$-1\r\n", b"$1\r\n1\r\n", b":2\r\n"]
    # Setting it anew lets it stay.
    assert [ask("SET a 1"), ask("TTL a")] == [b"+OK\r\n", b":-1\r\n"]
    clock.seconds += 20
    assert [ask("EXISTS a c"), ask("KEYS *"), ask("SET c 3 NX")] == [b":1\r\n", b"*1\r\n$1\r\na\r\n", b"+OK\r\n"]


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (b"PING\r\n", b"+PONG\r\n"),
        (b"  echo   hi \n", b"$2\r\nhi\r\n"),
        (b"\r\n", None),
        (b"*1\r\n:1\r\n", b"-ERR Protocol error: a command is an array of strings\r\n"),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: a command is an array of strings\r\n"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", b"-ERR Protocol error: a command is an array of strings\r\n"),
        (b"*2\r\n$4\r\nECHO\r\n+x\r\n", b"-ERR Protocol error: a command is an array of strings\r\n"),
        (b"*0\r\n", None),
        (b"*-1\r\n", None),
        (b"$4\r\nPING\r\n", b"-ERR unknown command '$4', with args beginning with: 'PING'\r\n"),
    ],
)
def test_messages_of_every_kind(message: bytes, reply: bytes | None, clock: Clock) -> None:
    assert send(message) == reply


def test_quit_ends_the_conversation() -> None:
    line = Line()
    assert kv_resp.answer(b"QUIT\r\n", cast(StreamConnection, line)) == b"+OK\r\n"
    assert line.ended


def test_redis_cli() -> None:
    cli = require_peer("redis-cli")
    with example("kv_resp.py") as server:

        def redis(*command: str) -> str:
            return run(cli, "-p", server.port, *command)

        assert redis("PING") == "PONG\n"
        assert redis("SET", "two words", "a\r\nb") == "OK\n"
        assert redis("GET", "two words") == "a\nb\n"  # as Python reads text
        assert redis("RPUSH", "list", "1", "2", "3") == "3\n"
        assert redis("LRANGE", "list", "0", "-1") == "1\n2\n3\n"
        assert redis("HSET", "hash", "field", "value") == "1\n"
        assert redis("HGET", "hash", "field") == "value\n"
        assert redis("GET", "hash") == f"{kv_resp.WRONG_TYPE}\n\n"
        assert redis("-r", "50", "INCR", "n").split() == [str(number) for number in range(1, 51)]
        many = "".join(f"SET key:{number} {'v' * number}\n" for number in range(1, 301)) + "DBSIZE\n"
        piped = subprocess.run(
            [cli, "-p", server.port], input=many, capture_output=True, text=True, timeout=WAIT_SECONDS
        )
        assert piped.stdout == "OK\n" * 300 + "304\n"


def test_redis_benchmark() -> None:
    benchmark = require_peer("redis-benchmark")
    with example("kv_resp.py") as server:
        tests = [
            "-t",
            "ping,set,get,incr,lpush,rpush,lpop,rpop,hset,lrange_100,mset",
            "-P",
            "16",
            "-n",
            "1600",
            "-d",
            "300",
        ]
        told = run(benchmark, "-p", server.port, *tests, "--csv")
        assert [line.split(",")[0] for line in told.splitlines()[1:4]] == ['"PING_INLINE"', '"PING_MBULK"', '"SET"']
        assert "Error" not in told
        assert run(require_peer("redis-cli"), "-p", server.port, "GET", "counter:__rand_int__") == "1600\n"
