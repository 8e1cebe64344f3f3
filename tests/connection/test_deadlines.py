from landline.connection.deadlines import DeadlineQueue


def test_deadlines_end_in_the_order_in_which_they_started() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue(10.0)
    assert queue.next_due() is None
    queue.start("a", 0.0)
    queue.start("b", 1.0)
    queue.start("c", 2.0)
    assert queue.next_due() == 10.0
    assert queue.take_expired(9.9) == []
    assert queue.take_expired(11.0) == ["a", "b"]
    assert queue.next_due() == 12.0


def test_starting_again_starts_anew_and_stopping_forgets() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue(10.0)
    queue.start("a", 0.0)
    queue.start("b", 1.0)
    queue.start("a", 5.0)
    assert queue.next_due() == 11.0
    queue.stop("b")
    queue.stop("never started")
    assert queue.take_expired(100.0) == ["a"]
    assert queue.take_expired(100.0) == []
