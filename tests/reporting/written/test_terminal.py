"""The table on a terminal shows every number whole, however narrow the terminal is."""

import pytest

from cadc.reporting.table import build_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record


@pytest.mark.parametrize(
    "environ", [{"COLUMNS": "20"}, {"COLUMNS": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "COLUMNS": "20"}]
)
def test_numbers_are_not_cut_on_a_narrow_terminal(environ, monkeypatch, capsys):
    for name, value in {"FORCE_COLOR": "1", **environ}.items():
        monkeypatch.setenv(name, value)
    runs = [("[red]an arm[/red] :smile:", record("sampler.rate=0.1")), ("x" * 10_000, record("model=bias"))]
    print_table("a title \x1b[31m", build_table(runs))
    shown = capsys.readouterr().out
    for text in ("0.7500", "0.5500", "800", "1,234", "12.3", "[red]an arm[/red]", ":smile:", r"\x1b[31m"):
        assert text in shown
    assert "2,4…" not in shown and shown.count("x") < 1000


def test_notes_stand_below_the_table_line_by_line(capsys):
    table = build_table([("a", record("model=bias"))])
    table.attrs["note"] = "first [b]\nsecond \x07"
    print_table("t", table)
    assert capsys.readouterr().out.splitlines()[-2:] == ["first [b]", r"second \x07"]
