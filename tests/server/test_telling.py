from landline.server.telling import Teller


def test_the_first_event_is_told_at_once_and_a_flood_once_a_second() -> None:
    teller = Teller(seconds=1.0)
    assert [teller.due(now) for now in (5.0, 5.1, 5.9, 6.0, 6.5, 9.0)] == [1, 0, 0, 3, 0, 2]
