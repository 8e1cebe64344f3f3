"""RESP2, the protocol of Redis: a framing of your own, and what its replies look like.

`Resp` says where one value ends, however the stream was cut, in linear time and within the limits; `kv_resp.py` is a
server that uses it. The protocol: redis.io, "Redis serialization protocol specification".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from landline import Limits
from landline.errors import MalformedMessage, UnframableMessage
from landline.framing import DEFAULT_LIMITS, Decoder, Framing

END = b"\r\n"
ARRAY, BULK, LINE_FEED = b"*"[0], b"$"[0], b"\n"
MOST_HEAD_BYTES = 24
"""The longest `*N` or `$N` with its line end: a sign and 20 digits."""
LEAST_VALUE_BYTES = 3
"""No value is shorter than `+` and a line end, so a count says how many bytes must follow at least."""
HEAD = re.compile(rb"[*$](-1|[0-9]{1,20})")
KNOWN_HEADS = {b"%c%d" % (kind, number): number for kind in (ARRAY, BULK) for number in range(1025)}
"""What heads usually say: looking one up is quicker than reading digits."""
COUNTS = {b"*%d" % count: count for count in range(1, 1025)}
HEADS = {size: b"$%d" % size for size in range(1025)}
"""The number behind the head of an array, and the head before a string, for the sizes that are common."""
RUN_WORTH_TRYING = 4
"""Commands that must at least be in a read before they are looked at together."""


@dataclass(frozen=True, slots=True)
class Resp(Framing):
    """RESP2 values (Redis serialization protocol specification). A message is one value just as it is on the wire.

    A line that starts with neither `*` nor `$` is a value too: a status, an error, an integer, or a command typed by
    hand (an inline command). The limit counts all bytes of a value.
    """

    def __str__(self) -> str:
        return "resp"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> RespDecoder:
        return RespDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        if message.find(b"\n") == len(message) - 1 and message[:1] not in b"*$":
            return message
        parts = message.split(END)
        if plain_value(parts, 0) == parts:
            return message
        decoder = RespDecoder(len(message) or 1)
        if not message or decoder.end_of_value(message, 0) != len(message):
            raise UnframableMessage(str(self), "it is not one whole RESP value")
        return message


class RespDecoder(Decoder):
    """Decoder of Resp.

    Of a value that is not whole yet it knows how far it has looked: up to `_seen` bytes, where `_left` values are still
    to come. So each byte is looked at once, and a million nested arrays take no more stack than one.
    """

    __slots__ = ("_left", "_need", "_searched", "_seen")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._seen, self._left, self._need, self._searched = 0, 1, 1, 0

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        self._raise_error()
        messages: list[bytes] = []
        held = self._held
        if held:
            held += data
            end = self.end_of_value(held, 0) if len(held) >= self._need else 0
            if end:
                messages.append(bytes(held[:end]))
                data = bytes(held[end:])
                self._offset += end
                held.clear()
        if not held and self.error is None:
            data = bytes(data)
            taken = self.take_values(data, messages)
            if self.error is None:
                self._offset += taken
                held += data[taken:]
        if self.error is not None and not messages:
            self._raise_error()
        return messages

    def take_values(self, data: bytes, messages: list[bytes]) -> int:
        """Append every whole value of `data` to `messages`; return how many bytes they took."""
        parts = data.split(END)
        run = plain_run(parts)
        if run and len(max(run, key=len)) > self._limit:
            run = []
        messages += run
        position = sum(map(len, run))
        last, index = len(parts) - 1, data.count(END, 0, position)
        while True:
            if index < last:
                value = plain_value(parts, index)
                message = END.join(value)
                if value and index + len(value) - 1 <= last and len(message) <= self._limit:
                    messages.append(message)
                    index += len(value) - 1
                    position += len(message)
                    continue
            end = self.end_of_value(data, position)
            if not end:
                return position
            messages.append(data[position:end])
            index += messages[-1].count(END)
            position = end

    def end_of_value(self, data: bytes | bytearray, start: int) -> int:
        """Where the value at `start` ends; 0 if more is needed, or if it is wrong: then `error` says how."""
        position, left, size = start + self._seen, self._left, len(data)
        while left:
            if position >= size:
                return self._wait(start, position, left, position + 1)
            kind = data[position]
            if kind != ARRAY and kind != BULK:
                position = self._end_of_line(data, start, position, left)
                if not position:
                    return 0
                left -= 1
                continue
            end = data.find(END, position, position + MOST_HEAD_BYTES)
            if end < 0:
                if size - position >= MOST_HEAD_BYTES:
                    return self._wrong("the line with a count or a size has no end", data, start, MOST_HEAD_BYTES)
                return self._wait(start, position, left, size + 1)
            number = KNOWN_HEADS.get(bytes(data[position:end]))
            if number is None:
                head = HEAD.fullmatch(data, position, end)
                if head is None:
                    return self._wrong("there is no number behind * or $", data, start, end - start)
                number = int(head[1])
            body = end + 2
            left -= 1
            if kind == ARRAY:
                left += max(number, 0)
                after = body
            else:
                after = body + number + 2 if number >= 0 else body
            if after - start + left * LEAST_VALUE_BYTES > self._limit:
                return self._over(after - start + left * LEAST_VALUE_BYTES, data[start:body], start)
            if after > size:
                return self._wait(start, position, left + 1, after)
            if after != body and data[after - 2 : after] != END:
                return self._wrong(f"no line end stands behind {number} bytes", data, start, after - start)
            position = after
        self._start_value()
        return position

    def _end_of_line(self, data: bytes | bytearray, start: int, position: int, left: int) -> int:
        most = start + self._limit - (left - 1) * LEAST_VALUE_BYTES
        end = data.find(LINE_FEED, max(position, start + self._searched), most)
        if end >= 0:
            return end + 1
        if len(data) >= most:
            return self._over(self._limit + 1, data[start:most], start)
        self._searched = len(data) - start
        return self._wait(start, position, left, len(data) + 1)

    def _start_value(self) -> None:
        self._seen, self._left, self._need, self._searched = 0, 1, 1, 0

    def _wait(self, start: int, position: int, left: int, need: int) -> int:
        self._seen, self._left, self._need = position - start, left, need - start
        return 0

    def _wrong(self, problem: str, data: bytes | bytearray, start: int, size: int) -> int:
        self._fail(MalformedMessage(problem, self._offset + start, bytes(data[start : start + size])))
        return 0

    def _over(self, size: int, head: bytes | bytearray, start: int) -> int:
        self._too_large(size, self._offset + start, bytes(head), exact=False)
        return 0


def plain_run(parts: list[bytes]) -> list[bytes]:
    """The whole values at the start of `parts`, if all are commands with as many arguments as the first; else none.

    Pipelines mostly are. Comparing column by column, all sizes of the first argument, then all of the second, takes a
    fraction of the time that going through the values does.
    """
    count = COUNTS.get(parts[0], 0)
    period = 2 * count + 1
    amount = (len(parts) - 1) // period
    stop = amount * period
    if not count or amount < RUN_WORTH_TRYING or parts[:stop:period].count(parts[0]) != amount:
        return []
    for column in range(1, period, 2):
        if parts[column:stop:period] != list(map(HEADS.get, map(len, parts[column + 1 : stop : period]))):
            return []
    return [END.join(parts[start : start + period]) + END for start in range(0, stop, period)]


def plain_value(parts: list[bytes], index: int) -> list[bytes]:
    """The parts of the value that starts with the part at `index`, and an empty one behind its last line end.

    `parts` is what stands between line ends, which is the quick way to look at most values: one without a line end
    inside its strings. None at all for any other value, and too few for one that is not whole.
    """
    head = parts[index]
    count = COUNTS.get(head)
    if count is not None:
        stop = index + 2 * count + 1
        if parts[index + 1 : stop : 2] == list(map(HEADS.get, map(len, parts[index + 2 : stop : 2]))):
            return [*parts[index:stop], b""]
    elif head[:1] == b"$":
        body = parts[index + 1 : index + 2]
        if body and HEADS.get(len(body[0])) == head:
            return [head, *body, b""]
    elif head[:1] not in b"*$" and b"\n" not in head:
        return [head, b""]
    return []


# What a reply looks like.

OK, PONG, NULL, NOTHING = b"+OK\r\n", b"+PONG\r\n", b"$-1\r\n", b"*0\r\n"


def bulk(value: bytes | None) -> bytes:
    """A string of bytes, or the null that stands for none."""
    return NULL if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


def integer(number: int) -> bytes:
    """A whole number."""
    return b":%d\r\n" % number


def array(values: Iterable[bytes | None]) -> bytes:
    """A list of strings."""
    items = list(map(bulk, values))
    return b"*%d\r\n%b" % (len(items), b"".join(items))


class Refusal(Exception):
    """What a command answers instead of a result: a code and a sentence."""

    def reply(self) -> bytes:
        """The error as RESP writes it: one line."""
        return b"-%b\r\n" % str(self).encode(errors="replace").replace(b"\r", b" ").replace(b"\n", b" ")
