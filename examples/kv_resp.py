"""A key-value server that speaks RESP2, the protocol of Redis: `redis-cli` and `redis-benchmark` work against it.

It shows a framing of your own (in `resp.py` beside this file) and a table of commands, each a plain function below
`@command`. Nothing here knows about streams, and all replies to one read leave in one write.

    python examples/kv_resp.py                        # listens on tcp://127.0.0.1:6379
    redis-cli -p 6379 set greeting hello
    redis-benchmark -p 6379 -t set,get,incr,ping -P 16 -q

Everything is kept in memory, in one database, and gone when the program ends.
"""

from __future__ import annotations

import fnmatch
import inspect
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import inf

from landline import Limits, Service, StreamConnection, run
from landline.errors import LandlineError
from resp import ARRAY, BULK, COUNTS, END, NOTHING, NULL, OK, PONG, Refusal, Resp, array, bulk, integer

DEFAULT_ADDRESS = "tcp://127.0.0.1:6379"

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NO_INTEGER = "ERR value is not an integer or out of range"
SYNTAX = "ERR syntax error"


# The data, and a command for each thing that can be done with it.

Hash = dict[bytes, bytes]
List = deque[bytes]
values: dict[bytes, bytes | List | Hash] = {}
deadlines: dict[bytes, float] = {}
"""When a key that does not stay ends, in seconds of `now`."""
now: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, and how many arguments it takes."""

    run: Callable[..., bytes]
    least: int
    most: float


commands: dict[bytes, Command] = {}


def command(run: Callable[..., bytes]) -> Callable[..., bytes]:
    """Make a command of a function: its name is the command's, its parameters say how many arguments there may be."""
    parameters = inspect.signature(run).parameters.values()
    single = [one for one in parameters if one.kind is not inspect.Parameter.VAR_POSITIONAL]
    least = sum(one.default is inspect.Parameter.empty for one in single)
    entry = Command(run, least, len(single) if len(single) == len(parameters) else inf)
    name = run.__name__.removesuffix("_").replace("_", " ").encode()
    # Clients write commands in either case; both are looked up without changing what came.
    commands[name] = commands[name.upper()] = entry
    return run


def drop_if_over(key: bytes) -> None:
    """Forget a key whose time is over."""
    if deadlines.get(key, inf) <= now():
        del values[key], deadlines[key]


def drop_all_over() -> None:
    """Forget every key whose time is over."""
    for key in list(deadlines):
        drop_if_over(key)


def text_at(key: bytes) -> bytes | None:
    """The string at a key, or None."""
    if deadlines:
        drop_if_over(key)
    value = values.get(key)
    if value is None or type(value) is bytes:
        return value
    raise Refusal(WRONG_TYPE)


def list_at(key: bytes) -> List:
    """The list at a key; an empty one if there is none."""
    drop_if_over(key)
    value = values.get(key, deque())
    if isinstance(value, deque):
        return value
    raise Refusal(WRONG_TYPE)


def hash_at(key: bytes) -> Hash:
    """The hash at a key; an empty one if there is none."""
    drop_if_over(key)
    value = values.get(key, {})
    if isinstance(value, dict):
        return value
    raise Refusal(WRONG_TYPE)


def put(key: bytes, value: List | Hash) -> None:
    """Keep a list or a hash; an empty one is the same as none."""
    if value:
        values[key] = value
    else:
        forget(key)


def forget(key: bytes) -> bool:
    """Take a key away. Returns whether it was there."""
    drop_if_over(key)
    deadlines.pop(key, None)
    return values.pop(key, None) is not None


def number_in(text: bytes) -> int:
    """A whole number of 64 bits, written the one way that Redis takes: no space, no plus, no zero in front."""
    try:
        number = int(text[:21])
    except ValueError:
        raise Refusal(NO_INTEGER) from None
    if b"%d" % number != text or not -(2**63) <= number < 2**63:
        raise Refusal(NO_INTEGER)
    return number


@command
def ping(text: bytes | None = None) -> bytes:
    """`PONG`, or the argument."""
    return PONG if text is None else bulk(text)


@command
def echo(text: bytes) -> bytes:
    """The argument."""
    return bulk(text)


@command
def get(key: bytes) -> bytes:
    """The string at a key."""
    value = text_at(key)
    return NULL if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


@command
def set_(key: bytes, value: bytes, *options: bytes) -> bytes:
    """Set a string: EX or PX says how long it stays, NX or XX that it must be new or there already."""
    if not options:
        values[key] = value
        if deadlines:
            deadlines.pop(key, None)
        return OK
    seconds, must_exist = set_options(options)
    drop_if_over(key)
    if must_exist is not None and must_exist != (key in values):
        return NULL
    forget(key)
    values[key] = value
    if seconds is not None:
        deadlines[key] = now() + seconds
    return OK


def set_options(options: tuple[bytes, ...]) -> tuple[float | None, bool | None]:
    """Read what follows the value of SET: seconds to stay, and whether the key must be there."""
    seconds: float | None = None
    must_exist: bool | None = None
    waiting = iter(options)
    for option in map(bytes.upper, waiting):
        if option in (b"EX", b"PX") and seconds is None:
            amount = number_in(next(waiting, b""))
            if amount <= 0:
                raise Refusal("ERR invalid expire time in 'set' command")
            seconds = amount if option == b"EX" else amount / 1000
        elif option in (b"NX", b"XX") and must_exist is None:
            must_exist = option == b"XX"
        else:
            raise Refusal(SYNTAX)
    return seconds, must_exist


@command
def append(key: bytes, more: bytes) -> bytes:
    """Write more behind the string at a key."""
    value = values[key] = (text_at(key) or b"") + more
    return integer(len(value))


def add(key: bytes, amount: int) -> bytes:
    """Add to the number at a key; none counts as 0."""
    number = number_in(text_at(key) or b"0") + amount
    if not -(2**63) <= number < 2**63:
        raise Refusal("ERR increment or decrement would overflow")
    text = values[key] = b"%d" % number
    return b":%b\r\n" % text


@command
def incr(key: bytes) -> bytes:
    """Add one."""
    return add(key, 1)


@command
def decr(key: bytes) -> bytes:
    """Take one away."""
    return add(key, -1)


@command
def incrby(key: bytes, amount: bytes) -> bytes:
    """Add a number."""
    return add(key, number_in(amount))


@command
def decrby(key: bytes, amount: bytes) -> bytes:
    """Take a number away."""
    return add(key, -number_in(amount))


@command
def mget(key: bytes, *more: bytes) -> bytes:
    """The strings at some keys; null where there is no string."""
    found = []
    for one in (key, *more):
        drop_if_over(one)
        value = values.get(one)
        found.append(value if isinstance(value, bytes) else None)
    return array(found)


@command
def mset(key: bytes, value: bytes, *more: bytes) -> bytes:
    """Set several strings at once."""
    if len(more) % 2:
        raise Refusal("ERR wrong number of arguments for 'mset' command")
    pairs = iter((key, value, *more))
    for one, text in zip(pairs, pairs, strict=True):
        set_(one, text)
    return OK


@command
def del_(key: bytes, *more: bytes) -> bytes:
    """Take keys away; how many were there."""
    return integer(sum(map(forget, (key, *more))))


@command
def exists(key: bytes, *more: bytes) -> bytes:
    """How many of the keys are there."""
    drop_all_over()
    return integer(sum(one in values for one in (key, *more)))


@command
def expire(key: bytes, seconds: bytes) -> bytes:
    """Let a key end after so many seconds."""
    drop_if_over(key)
    if key not in values:
        return integer(0)
    deadlines[key] = now() + number_in(seconds)
    return integer(1)


@command
def ttl(key: bytes) -> bytes:
    """How many seconds a key has left: -1 for one that stays, -2 for one that is not there."""
    drop_if_over(key)
    if key not in values:
        return integer(-2)
    return integer(round(deadlines[key] - now()) if key in deadlines else -1)


@command
def keys(pattern: bytes) -> bytes:
    """The keys that match a pattern of `*`, `?` and `[...]`."""
    drop_all_over()
    return array(fnmatch.filter(values, pattern.replace(b"[^", b"[!")))


@command
def lpush(key: bytes, first: bytes, *more: bytes) -> bytes:
    """Put items in front of a list, one after the other."""
    items = list_at(key)
    items.extendleft((first, *more))
    put(key, items)
    return integer(len(items))


@command
def rpush(key: bytes, first: bytes, *more: bytes) -> bytes:
    """Put items behind a list."""
    items = list_at(key)
    items.extend((first, *more))
    put(key, items)
    return integer(len(items))


@command
def lpop(key: bytes) -> bytes:
    """Take the first item of a list."""
    items = list_at(key)
    item = items.popleft() if items else None
    put(key, items)
    return bulk(item)


@command
def rpop(key: bytes) -> bytes:
    """Take the last item of a list."""
    items = list_at(key)
    item = items.pop() if items else None
    put(key, items)
    return bulk(item)


@command
def llen(key: bytes) -> bytes:
    """How many items a list has."""
    return integer(len(list_at(key)))


@command
def lrange(key: bytes, first: bytes, last: bytes) -> bytes:
    """The items from one position to another, both included; negative ones count from the end."""
    items = list_at(key)
    start, stop = (number if number >= 0 else number + len(items) for number in (number_in(first), number_in(last)))
    return array(islice(items, max(start, 0), max(min(stop + 1, len(items)), 0)))


@command
def hset(key: bytes, field: bytes, value: bytes, *more: bytes) -> bytes:
    """Set fields of a hash; how many of them are new."""
    if len(more) % 2:
        raise Refusal("ERR wrong number of arguments for 'hset' command")
    fields = hash_at(key)
    before = len(fields)
    fields |= {field: value} | dict(zip(more[::2], more[1::2], strict=True))
    put(key, fields)
    return integer(len(fields) - before)


@command
def hget(key: bytes, field: bytes) -> bytes:
    """One field of a hash."""
    return bulk(hash_at(key).get(field))


@command
def hgetall(key: bytes) -> bytes:
    """All fields of a hash, each before its value."""
    return array(part for pair in hash_at(key).items() for part in pair)


@command
def hdel(key: bytes, field: bytes, *more: bytes) -> bytes:
    """Take fields away; how many were there."""
    fields = hash_at(key)
    gone = sum(fields.pop(one, None) is not None for one in (field, *more))
    put(key, fields)
    return integer(gone)


@command
def dbsize() -> bytes:
    """How many keys there are."""
    drop_all_over()
    return integer(len(values))


@command
def flushdb(*_options: bytes) -> bytes:
    """Forget everything."""
    values.clear()
    deadlines.clear()
    return OK


@command
def select(index: bytes) -> bytes:
    """There is one database, number 0."""
    if number_in(index):
        raise Refusal("ERR DB index is out of range")
    return OK


@command
def command_(*_options: bytes) -> bytes:
    """What redis-cli asks when it starts; it does without an answer."""
    return NOTHING


@command
def config(action: bytes, *_names: bytes) -> bytes:
    """What redis-benchmark asks when it starts: no setting is known."""
    if action.upper() != b"GET":
        raise Refusal("ERR only CONFIG GET is there")
    return NOTHING


@command
def info(*_sections: bytes) -> bytes:
    """A few lines about this server."""
    drop_all_over()
    return bulk(b"# Server\r\nserver:landline example\r\n# Keyspace\r\ndb0:keys=%d\r\n" % len(values))


@command
def quit_() -> bytes:
    """The last word; `answer` closes the connection behind it."""
    return OK


# From a message to a command, and to the reply.


def arguments_of(message: bytes) -> list[bytes]:
    """The name and the arguments of a command. Raises Refusal for a value that is not a command."""
    parts = message.split(END)
    # As many parts as the count says: no argument has a line end in it, so the parts are the arguments.
    if len(parts) == 2 * COUNTS.get(parts[0], 0) + 2 and parts[1][:1] == b"$":
        return parts[2::2]
    return long_arguments_of(message) if message[0] == ARRAY else message.split()


def long_arguments_of(message: bytes) -> list[bytes]:
    """The arguments of a command by the sizes it states, whatever bytes are in them."""
    position = message.index(END) + 2
    found = []
    while position < len(message):
        end = message.index(END, position)
        if message[position] != BULK or message[position + 1 : end] == b"-1":
            raise Refusal("ERR Protocol error: a command is an array of strings")
        start = end + 2
        position = start + int(message[position + 1 : end]) + 2
        found.append(message[start : position - 2])
    return found


def answer(message: bytes, connection: StreamConnection) -> bytes | None:
    """Do what a message asks."""
    try:
        arguments = arguments_of(message)
        if not arguments:
            return None  # An empty line asks nothing, as in Redis.
        name = arguments[0]
        found = commands.get(name) or commands.get(name.upper())
        if found is None:
            raise Refusal(unknown(arguments))
        count = len(arguments) - 1
        if count < found.least or count > found.most:
            raise Refusal(f"ERR wrong number of arguments for '{name.decode(errors='replace').lower()}' command")
        if found.run is quit_:
            connection.end()
        return found.run(*arguments[1:])
    except Refusal as refusal:
        return refusal.reply()


def unknown(arguments: list[bytes]) -> str:
    """The sentence for a command that is not there."""
    name, *shown = (one[:64].decode(errors="replace") for one in arguments[:5])
    return f"ERR unknown command '{name}', with args beginning with: " + " ".join(f"'{one}'" for one in shown)


service = Service("kv", framing=Resp(), limits=Limits(max_message_bytes=16 * 1024 * 1024))
service.message(answer)


def main() -> None:
    """Serve until a signal says stop."""
    address = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ADDRESS
    try:
        run([(service, address)], lambda listening: print(f"listening on {listening[0].address}", flush=True))
    except LandlineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
