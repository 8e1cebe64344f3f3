"""Landline, typed messages after a 4-byte length: a Struct comes, the handler's Struct goes."""

from bench.servers.documents import Heard, Shout
from landline import Service

json = Service("json", framing="length:u32be", payload="json")
msgpack = Service("msgpack", framing="length:u32be", payload="msgpack")


@json.on(Shout)
@msgpack.on(Shout)
def shout(message: Shout) -> Heard:
    """Answer one message."""
    return Heard(message.id, message.text.upper())
