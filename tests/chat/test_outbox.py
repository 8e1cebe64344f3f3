"""What waits for somebody who reads slowly: in order, bounded, and what does not matter goes first."""

from __future__ import annotations

from landline.chat.outbox import Outbox, Packet

PLENTY = 1000


def packet(text: str, ephemeral: bool = False) -> Packet:
    return Packet(text.encode(), ephemeral)


def filled(*packets: Packet, soft: int = PLENTY) -> Outbox:
    outbox = Outbox()
    for one in packets:
        outbox.put(one, soft)
    return outbox


def test_an_empty_one_has_nothing() -> None:
    outbox = Outbox()
    assert not outbox
    assert (outbox.take(10), outbox.clear(), outbox.held_bytes) == (b"", {}, 0)


def test_a_single_packet_comes_out_as_the_bytes_that_all_share() -> None:
    one = packet("hello")
    assert filled(one).take(100) is one.data


def test_all_that_fits_comes_as_one_piece() -> None:
    outbox = filled(packet("abc"), packet("de", True), packet("f"))
    assert outbox.held_bytes == 6
    assert outbox.take(6) == b"abcdef"
    assert (bool(outbox), outbox.held_bytes) == (False, 0)


def test_what_does_not_fit_stays_and_one_packet_always_goes() -> None:
    outbox = filled(packet("abc", True), packet("de"), packet("fghi"), packet("j", True))
    assert outbox.take(5) == b"abcde"
    assert outbox.held_bytes == 5
    assert outbox.take(1) == b"fghi"
    assert outbox.take(1) == b"j"
    assert (bool(outbox), outbox.take(1)) == (False, b"")


def test_the_last_packets_of_a_piece_may_be_too_long_for_it() -> None:
    outbox = filled(packet("abcdef"))
    assert outbox.take(2) == b"abcdef"
    assert not outbox


def test_above_the_soft_bound_what_is_ephemeral_is_left_out() -> None:
    outbox = filled(packet("aaaa"), packet("b", True), packet("cc"), soft=3)
    assert not outbox.put(packet("d", True), 3)
    assert outbox.put(packet("e"), 3)
    assert outbox.take(100) == b"aaaacce"


def test_what_is_ephemeral_and_waits_goes_when_a_message_comes_above_the_soft_bound() -> None:
    outbox = filled(packet("aa"), packet("bb", True), packet("c"), soft=3)
    assert (outbox.held_bytes, outbox.take(100)) == (3, b"aac")


def test_nothing_is_looked_for_where_nothing_is_ephemeral() -> None:
    outbox = filled(packet("aaaa"), packet("b"), packet("c"), soft=3)
    assert outbox.take(100) == b"aaaabc"


def test_who_lags_is_told_the_first_message_of_each_room_that_was_dropped() -> None:
    outbox = filled(
        Packet(b"1", False, "lobby", 7), packet("x"), Packet(b"2", False, "tea", 3), Packet(b"3", False, "lobby", 8)
    )
    assert outbox.clear() == {"lobby": 7, "tea": 3}
    assert (bool(outbox), outbox.held_bytes, outbox.take(9)) == (False, 0, b"")
