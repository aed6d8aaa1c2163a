"""The sentence below a table: the fewest rows that do as well as the reference, and what controls and oracle reach."""

import pandas as pd
import pytest

from cadc.experiment import Reference
from cadc.reporting.points import points
from cadc.reporting.seen import seen_lines
from cadc.reporting.table import build_table
from tests.reporting.test_verdicts import run

RUNS = [
    run("full data", "sampler.rate=1", auc=0.8),
    run("few", "sampler.rate=0.02", auc=0.79),
    run("more", "sampler.rate=0.1", auc=0.799),
    run("biases only", "model=bias", auc=0.7),
    run("MF alone", "model=factorization", auc=0.75),
    run("oracle", "model=oracle", auc=0.9),
]
REFERENCE = Reference("full data", rate=1, metric="auc", margin=0.01)


def said(verdicts, reference=REFERENCE):
    comparison = pd.DataFrame({"family": reference.family, "verdict": verdicts})
    return seen_lines([reference], points(RUNS), build_table(RUNS, ["auc"]), comparison)


@pytest.mark.parametrize(
    ("of_few", "of_more", "expected"),
    [
        ("worse", "as good (0.01)", "more at 10 % has AUC 0.7990 with 800 rows, as good as full data"),
        ("equal", "better", "few at 2 % has AUC 0.7900 with 160 rows, equal to full data"),
        ("undecided", "one seed", "by AUC, no network is seen to do as well as full data"),
    ],
)
def test_the_fewest_rows_that_do_as_well_are_named(of_few, of_more, expected):
    (line,) = said(["reference", of_few, of_more, "better", "worse", ""])
    assert line.startswith(f"ml-1m: {expected} at 100 % with 0.8000")
    # A factorisation is no network, and an oracle is no model to be beaten.
    assert line.endswith("; without a network, MF alone has 0.7500; the best possible is 0.9000.")


def test_a_reference_at_equal_rates_has_no_such_sentence():
    assert said(["reference"] * 6, Reference("full data", metric="auc")) == []
