"""The documents of the typed cells, {"type": "Shout", "id": ..., "text": ...}, the same for every server."""

import msgspec


class Shout(msgspec.Struct, tag=True):
    """What is asked."""

    id: int
    text: str


class Heard(msgspec.Struct, tag=True):
    """The answer: the same in upper case."""

    id: int
    text: str
