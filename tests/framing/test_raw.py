"""Raw: pieces as they came, none over the limit. It is no framing: what was sent is not what is received."""

from hypothesis import given
from hypothesis import strategies as st

from landline.framing import Raw
from landline.limits import Limits
from landline.testing import decode


def test_a_read_is_a_message() -> None:
    assert str(Raw()) == "raw"
    found = decode(Raw(), b"abcdef", [1, 1, 3])
    assert found.messages == [b"a", b"bc", b"def"]
    assert (found.error, found.most_held) == (None, 0)


def test_a_read_over_the_limit_is_cut() -> None:
    decoder = Raw().decoder(Limits(max_message_bytes=4))
    assert decoder.feed(b"abcd") == [b"abcd"]
    assert decoder.feed(b"abcdefghi") == [b"abcd", b"efgh", b"i"]
    assert decoder.feed(b"") == []
    decoder.eof()


def test_messages_are_written_as_they_are() -> None:
    assert Raw().encode(b"a\n") == b"a\n"
    assert Raw().encode_all(iter([b"a", b"", b"bc"])) == b"abc"


@given(st.binary(max_size=50), st.lists(st.integers(0, 50), max_size=9).map(sorted), st.integers(1, 9))
def test_no_byte_is_lost_at_any_cut(wire: bytes, cuts: list[int], most: int) -> None:
    limits = Limits(max_message_bytes=most)
    for kind in ("bytes", "bytearray", "memoryview"):
        found = decode(Raw(), wire, [cut for cut in cuts if cut <= len(wire)], limits, kind)
        assert b"".join(found.messages) == wire
        assert all(1 <= len(message) <= most for message in found.messages)
