"""`cadc.compare` pairs runs by split and seed."""

import pytest

import cadc
from cadc.evaluation.statistics import compare as compare_rows
from tests.api.conftest import SMALL


@pytest.fixture
def arms(swept, folder):
    """Runs at a tenth of the rows, and at all."""
    return [
        [cadc.Run(run_id, folder) for run_id in swept.loc[swept["sampler.rate"] == rate, "id"]] for rate in (0.1, 1)
    ]


def test_runs_are_paired_by_seed_whatever_their_order(arms):
    few, full = arms
    found = cadc.compare(few, full[::-1])
    expected = compare_rows([run.scores for run in few], [run.scores for run in full])
    assert found.interval == expected.interval
    assert found.interval.n_seeds == 2
    assert found.verdict in ("better", "worse", "undecided", "as good (0.002)")


def test_ids_and_frames_name_the_same_runs(arms, swept, folder):
    few, full = arms
    found = cadc.compare(few, full, "logloss", margin=0.01)
    by_frame = [swept[swept["sampler.rate"] == rate] for rate in (0.1, 1)]
    assert cadc.compare(*by_frame, "logloss", 0.01, runs=folder).interval == found.interval
    assert cadc.compare([run.id for run in few], full, "logloss", 0.01, runs=folder).interval == found.interval


def test_a_single_pair_is_one_seed(arms):
    (first, *_), (other, *_) = arms
    found = cadc.compare(first, other)
    assert found.verdict == "one seed"
    assert "1 seed," in str(found) and str(found).endswith(": one seed")


def test_a_model_without_training_serves_all_seeds(arms, folder):
    bias = cadc.run(*SMALL[:2], "model=bias", runs=folder)
    assert cadc.compare(arms[1], bias).interval.n_seeds == 2


def test_runs_without_a_counterpart_are_left_out_and_counted(arms, capsys):
    few, full = arms
    assert cadc.compare(few, full[:1]).interval.n_seeds == 1
    assert "1 of 2 runs of the arm" in capsys.readouterr().err


def test_runs_of_other_seeds_cannot_be_compared(arms):
    few, full = arms
    with pytest.raises(cadc.CadcError, match="seed"):
        cadc.compare(few[0], full[1])


def test_a_side_that_holds_several_arms_is_refused(swept, arms, folder):
    with pytest.raises(cadc.UsageError, match="several arms"):
        cadc.compare(swept, arms[0], runs=folder)


def test_an_empty_side_is_refused(swept, arms, folder):
    with pytest.raises(cadc.UsageError, match="no finished run"):
        cadc.compare(swept[:0], arms[0], runs=folder)
