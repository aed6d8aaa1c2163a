"""LaTeX tables hold the same numbers, and no character of a name means anything to LaTeX."""

import re

import pandas as pd
import pytest

from cadc.reporting.columns import MARGIN
from cadc.reporting.points import ARM_COLUMNS
from cadc.reporting.written.latex import escape, latex
from cadc.reporting.written.markdown import markdown_table

ROW = dict.fromkeys(ARM_COLUMNS) | {
    "dataset": "ml-1m",
    "arm": "random",
    "rate": 0.1,
    "seeds": 3,
    "auc_mean": 0.8163,
    "auc_std": 0.002,
    "auc_ci": 0.0049,
    "logloss_mean": 0.5138,
    "logloss_std": 0.003,
    "logloss_ci": 0.0075,
    "rows_kept": 80017,
    "total_s_mean": 3.06,
    "embedding_bytes": 675736,
}
CONTROL = ROW | {"arm": "biases only", "rate": None, "rows_kept": None, "auc_ci": None, "logloss_ci": None}


def table(*rows):
    frame = pd.DataFrame(rows, columns=list(rows[0]))
    return frame.astype({"rows_kept": "Int64", "embedding_bytes": "Int64"})


def body(text):
    inside = text.split("\\midrule\n", 1)[1].split("\\bottomrule")[0]
    lines = [line for line in inside.splitlines() if line != "\\midrule"]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line[:-3])] for line in lines]


def test_numbers_stand_in_their_columns():
    text = latex(table(ROW, CONTROL))
    assert text.startswith("\\begin{tabular}{lrrrrrrr}\n\\toprule\n")
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")
    first, second = body(text)
    assert first == [
        "random",
        "10",
        "3",
        r"$0.8163 \pm 0.0049$",
        r"$0.5138 \pm 0.0075$",
        r"80\,017",
        "3.1",
        r"675\,736",
    ]
    assert second[:4] == ["biases only", "", "3", "$0.8163$"]
    assert second[5] == ""


def test_several_data_sets_have_a_column():
    text = latex(table(ROW, ROW | {"dataset": "ml_100k"}))
    assert [cells[0] for cells in body(text)] == ["ml-1m", r"ml\_100k"]
    assert text.count("\\midrule") == 2


def test_a_comparison_adds_difference_interval_and_verdict():
    compared = {"auc_difference": -0.01, "auc_difference_low": -0.02, "auc_difference_high": 0.0, "p_holm": 0.0004}
    text = latex(table(ROW | compared | {"verdict": "worse"}, ROW | dict.fromkeys(compared) | {"verdict": "reference"}))
    first, second = body(text)
    assert first[-3:] == ["$-0.0100$ [$-0.0200$, $+0.0000$]", "$<0.001$", "worse"]
    assert second[-3:] == ["", "", "reference"]
    assert len({text.splitlines()[2].count("&") + 1, len(first), len(second)}) == 1


@pytest.mark.parametrize(("low", "shown"), [(-0.00204, "-0.00204"), (-0.00196, "-0.00196"), (-0.0031, "-0.0031")])
def test_an_end_of_an_interval_near_the_margin_keeps_its_side_in_print(low, shown):
    ends = {"auc_difference": 0.0005, "auc_difference_low": low, "auc_difference_high": 0.003, "verdict": "undecided"}
    frame = table(ROW | ends)
    frame.attrs |= {MARGIN: 0.002, "metrics": ("auc",)}
    (cells,) = body(latex(frame))
    assert cells[-2] == f"$+0.0005$ [${shown}$, $+0.0030$]"
    assert f"+0.0005 [{shown}, +0.0030] undecided" in markdown_table(frame)


@pytest.mark.parametrize("character", list("\\&%$#_{}~^<>"))
def test_no_character_of_a_name_has_a_meaning(character):
    escaped = escape(f"a{character}b")
    left = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]", "", escaped)
    assert left == "ab"
    (cells,) = body(latex(table(ROW | {"arm": f"a{character}b"})))
    assert cells[0] == escaped
    assert len(cells) == 8
