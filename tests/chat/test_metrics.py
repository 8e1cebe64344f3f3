"""Counts as Prometheus reads them."""

from __future__ import annotations

from landline.chat.metrics import exposition, labelled, single


def test_a_metric_says_what_it_is_and_has_its_values_in_order() -> None:
    text = exposition(
        [
            single("rooms", "gauge", "Rooms there are.", 2),
            labelled("refused_total", "counter", "Refused.", "code", {"b": 0.25, "a": 3.0}),
        ]
    )
    assert text.splitlines() == [
        "# HELP landline_chat_rooms Rooms there are.",
        "# TYPE landline_chat_rooms gauge",
        "landline_chat_rooms 2",
        "# HELP landline_chat_refused_total Refused.",
        "# TYPE landline_chat_refused_total counter",
        'landline_chat_refused_total{code="a"} 3',
        'landline_chat_refused_total{code="b"} 0.25',
    ]
    assert text.endswith("\n")


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    text = exposition([labelled("x", "gauge", "X.", "who", {'a"} 9\nb\\': 1})])
    assert text.splitlines()[-1] == 'landline_chat_x{who="a\\"} 9\\nb\\\\"} 1'
