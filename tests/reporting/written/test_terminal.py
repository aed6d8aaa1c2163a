"""The table on a terminal shows arms and numbers whole, however narrow the terminal is, and what matters first."""

import pandas as pd
import pytest

from cadc.reporting.table import build_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record

LONG = "factorisation machine, residual, complement, thin validation"


def grid(arms=("random", "mf frozen"), data="synthetic"):
    runs = []
    for arm in arms:
        for rate in (0.1, 1):
            for seed in (0, 1):
                metrics = {"auc": 0.7 + 0.01 * seed, "logloss": 0.55}
                words = (f"data={data}", f"sampler.rate={rate}", f"seed={seed}")
                runs.append((arm, record(*words, metrics=metrics)))
    return runs


def printed(table, width, monkeypatch, capsys, **options):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_table("A title", table, **options)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "environ", [{"COLUMNS": "20"}, {"COLUMNS": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "COLUMNS": "20"}]
)
def test_numbers_are_not_cut_on_a_narrow_terminal(environ, monkeypatch, capsys):
    for name, value in {"FORCE_COLOR": "1", **environ}.items():
        monkeypatch.setenv(name, value)
    runs = [("[red]an arm[/red] :smile:", record("sampler.rate=0.1")), ("x" * 10_000, record("model=bias"))]
    print_table("a title \x1b[31m", build_table(runs), wide=True)
    shown = capsys.readouterr().out
    for text in ("0.7500", "0.5500", "800", "1,234", "12.3", "[red]an arm[/red]", ":smile:", r"\x1b[31m"):
        assert text in shown
    assert "2,4…" not in shown and shown.count("x") < 1000


@pytest.mark.parametrize("width", [80, 120, 200])
def test_arms_are_whole_and_no_line_of_the_table_is_wider_than_the_terminal(width, monkeypatch, capsys):
    out = printed(build_table(grid(("random", LONG))), width, monkeypatch, capsys)
    assert all(len(line) <= width for line in out.splitlines())
    assert all(text in out for text in ("rate", "AUC", "± 95 %", "rows", "seconds", "bytes"))
    assert all(word in out for word in LONG.split())
    assert (LONG in out) == (width > 80)  # else it is wrapped
    assert ("logloss" in out.split("Not shown")[0]) == (width > 120)


@pytest.mark.parametrize("width", [30, 50, 60, 80])
def test_the_last_columns_are_left_out_first_and_named(width, monkeypatch, capsys):
    out = printed(build_table(grid()), width, monkeypatch, capsys)
    table, _, left_out = out.partition("Not shown: ")
    order = ["rate", "AUC", "± 95 %", "rows", "seconds", "bytes", "seeds", "logloss"]
    there = [head in table for head in order]
    assert there == sorted(there, reverse=True)
    assert (not left_out) == all(there)
    gone = [head for head, is_there in zip(order, there, strict=True) if not is_there]
    assert all(head in " ".join(left_out.split()) for head in gone[:3])


def test_all_columns_are_there_when_asked_for(monkeypatch, capsys):
    table = build_table(grid(), columns=["train_s", "peak_rss_mb", "rows_full"])
    out = printed(table, 40, monkeypatch, capsys, wide=True)
    assert "Not shown" not in out
    assert all(text in out for text in ("train", "(s)", "logloss", "8,000"))


def test_off_a_terminal_the_width_is_that_of_columns_or_a_fixed_one(monkeypatch, capsys):
    table = build_table(grid(), columns=["train_s"])
    by_columns = printed(table, 120, monkeypatch, capsys)
    monkeypatch.delenv("COLUMNS")
    print_table("A title", table)
    assert capsys.readouterr().out == by_columns


def test_each_data_set_stands_above_its_arms(monkeypatch, capsys):
    out = printed(build_table([*grid(), *grid(data="ml-1m")]), 80, monkeypatch, capsys)
    lines = [line.strip() for line in out.splitlines()]
    assert lines.index("synthetic") + 5 == lines.index("ml-1m")
    assert out.count("mf frozen") == 4


def test_letters_of_double_width_keep_columns_straight(monkeypatch, capsys):
    out = printed(build_table(grid(("随机", "mf"))), 80, monkeypatch, capsys)
    first, second = (next(line for line in out.splitlines() if line.startswith(name)) for name in ("随机", "mf"))
    assert len(first) + 2 == len(second)


def test_notes_stand_below_the_table_line_by_line(capsys):
    table = build_table([("a", record("model=bias"))])
    table.attrs["note"] = "first [b]\nsecond \x07"
    print_table("t", table)
    assert capsys.readouterr().out.splitlines()[-2:] == ["first [b]", r"second \x07"]


def test_a_column_without_a_value_is_left_out(monkeypatch, capsys):
    one_seed = build_table([("a", record("model=bias"))])
    assert pd.isna(one_seed["auc_ci"]).all()
    out = printed(one_seed, 200, monkeypatch, capsys)
    assert "± 95 %" not in out and "rate" not in out
