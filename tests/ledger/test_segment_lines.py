"""The segments of a stream in `cadc ledger show`."""

from cadc.ledger.segment_lines import segment_lines

SEGMENTS = [
    {
        "segment": number,
        "rows": {"train": 8000 + number, "test": 1000},
        "entities": {"user": 30, "item": 40},
        "numbers": {"user": 100, "item": 200},
        "bytes": 1300,
        "over_budget": 0,
        "cost": {"train_s": 1.0, "evaluate_s": 0.25},
        "metrics": {"test/auc": 0.75, "test/ece": 0.1, "val/auc": 0.7},
    }
    for number in range(2)
]


def test_each_segment_has_a_line():
    head, *lines = segment_lines({"segments": SEGMENTS})
    names = ["segment", "train", "test", "users", "items", "numbers", "bytes", "over budget", "seconds", "test/auc"]
    assert head.split() == [word for name in names for word in name.split()]
    assert [line.split() for line in lines] == [
        ["1", "8,000", "1,000", "30", "40", "300", "1,300", "0", "1.2", "0.7500"],
        ["2", "8,001", "1,000", "30", "40", "300", "1,300", "0", "1.2", "0.7500"],
    ]


def test_a_narrow_terminal_keeps_metrics():
    head = segment_lines({"segments": SEGMENTS}, width=40)[0]
    assert len(head) <= 40
    assert head.startswith("segment")
    assert head.endswith("test/auc")


def test_what_is_no_stream_or_damaged_has_no_or_empty_lines():
    assert segment_lines({}) == segment_lines({"segments": None}) == segment_lines({"segments": 3}) == []
    damaged = [{"segment": "\x1b[2J", "rows": 3, "metrics": {"test/auc": "high"}, "numbers": {"user": None}}, 7]
    assert "".join(segment_lines({"segments": [*damaged, *SEGMENTS]})).isprintable()
    assert len(segment_lines({"segments": [*damaged, *SEGMENTS]})) == 4
