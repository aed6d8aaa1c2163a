"""What a page knows of streams."""

from cadc.reporting.page.data import page_data
from cadc.reporting.page.frame import html
from cadc.reporting.page.source import Source
from cadc.reporting.table import table_of
from tests.reporting.made_up import record
from tests.reporting.streams.made_up import points_of, stream


def data_of(rows):
    (experiment,) = page_data([Source("made-up", "A title", table_of(rows), points=rows)], None)["experiments"]
    return experiment


def test_segments_and_sizes_of_streams_are_tables_with_the_names_of_the_points():
    sizes = [{"user": {"frequency": [1.0, 5.0], "size": [1.5, 6.0]}}] * 2
    parts = {"bytes": [100, 120], "sizes": sizes}
    rows = points_of(*((name, stream(name, [0.6, 0.8], **parts)) for name in ("equal", "frequency")))
    found = data_of(rows)
    columns = [column["name"] for column in found["segments"]["columns"]]
    lines = [dict(zip(columns, line, strict=True)) for line in found["segments"]["rows"]]
    assert [(line["arm"], line["segment"], line["auc_mean"], line["bytes"]) for line in lines] == [
        ("equal", 0, 0.6, 100),
        ("equal", 1, 0.8, 120),
        ("frequency", 0, 0.6, 100),
        ("frequency", 1, 0.8, 120),
    ]
    assert {line["arm"] for line in lines} == {point["name"] for point in found["points"]}
    assert len(found["sizes"]["rows"]) == 4
    page = html(page_data([Source("made-up", "A title", table_of(rows), points=rows)], None))
    assert "Segments of the streams" in page


def test_a_page_without_streams_has_no_segments():
    found = data_of(points_of(("network", record("seed=0"))))
    assert found["segments"] is found["sizes"] is None
