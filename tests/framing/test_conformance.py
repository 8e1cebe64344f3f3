"""Framings against the worked examples of others: what a documented stream means, and how its messages are written.

The table is in `conformance/`, by source. Each row is decoded whole, byte by byte and cut at random, and its messages
are written again; where Landline writes them in another way that is as good, the row says how. Where a source states a
rule and shows no bytes for it, the row is an example of the rule. A limit counts a message as it is handed out.

What the same documentation shows and a spec cannot say:

* Netty's and Erlang's choice to leave the delimiter or the line end on the message, or to strip part of a header and
  keep what is before the length field: a message is the whole header and body, or what follows the length field.
* Going on behind a message that is too long or malformed (Netty's `failFast`, Twisted's `lineLengthExceeded`, the byte
  that RFC 1055 leaves alone behind ESC, cutting long lines in Erlang): an error is final here.
* More than one delimiter at a time, other than LF and CRLF (Netty's DelimiterBasedFrameDecoder).
* Switching to raw bytes in the middle of the stream (Twisted's LineReceiver): no row, as it is not framing alone.
* Several marks in a message (SuperSocket's CountSpliterReceiveFilter), and a mark at the start as well as at the end
  (BeginEndMarkReceiveFilter): the end mark alone finds the messages, and leaves the start mark on them.
* A number of variable size behind other bytes (the fixed header of MQTT), and 24 bits with the low byte first (MySQL).
* A trailer whose size stands in another field than the length (FastCGI's padding).
"""

from __future__ import annotations

import pytest

from landline.errors import UnframableMessage
from landline.framing import Framing, parse
from landline.limits import Limits
from landline.testing import check_decode, check_framing
from tests.framing.conformance import (
    netstrings_and_erlang,
    netty,
    slip_and_cobs,
    supersocket_and_protocols,
    twisted,
    varints,
)
from tests.framing.conformance.case import Case, Unsendable

MODULES = [netty, twisted, netstrings_and_erlang, slip_and_cobs, varints, supersocket_and_protocols]
ROWS: dict[str, Case | Unsendable] = {
    f"{source} ({number})": row
    for module in MODULES
    for source, rows in module.TABLE.items()
    for number, row in enumerate(rows, 1)
}
CASES = {name: row for name, row in ROWS.items() if isinstance(row, Case)}
UNSENDABLE = {name: row for name, row in ROWS.items() if isinstance(row, Unsendable)}


def test_the_table_has_two_hundred_rows() -> None:
    assert len(ROWS) >= 200


@pytest.mark.parametrize("name", CASES)
def test_a_documented_stream_means_what_is_documented(name: str) -> None:
    case = CASES[name]
    error = "" if case.error is None else str(case.error)
    check_decode(parse(case.spec), bytes.fromhex(case.wire), case.messages, error, Limits(max_message_bytes=case.limit))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.error is None])
def test_its_messages_are_written_as_documented(name: str) -> None:
    case = CASES[name]
    framing, wire = parse(case.spec), bytes.fromhex(case.wire)
    written = bytes.fromhex(case.written)
    if written or not case.messages:
        assert written != wire, "the row need not say it"
    assert framing.encode_all(case.messages) == (written or (wire if case.messages else b""))
    check_framing(framing, case.messages, Limits(max_message_bytes=case.limit))


@pytest.mark.parametrize("name", UNSENDABLE)
def test_what_cannot_be_sent_as_documented_is_refused(name: str) -> None:
    case = UNSENDABLE[name]
    framing: Framing = parse(case.spec)
    with pytest.raises(UnframableMessage) as caught:
        framing.encode(case.message)
    assert str(caught.value) == str(UnframableMessage(case.spec, case.problem))
