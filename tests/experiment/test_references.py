"""How a point is chosen, as `experiment.yaml` says it."""

import pytest

from cadc.errors import UsageError
from cadc.experiment import Reference
from tests.experiment.small import experiment


@pytest.mark.parametrize(
    ("margins", "size", "sentence"),
    [
        ({"auc": 0.002}, "disk", "bytes is 'disk'; choose one of tables, model"),
        ({"auc": 0.002}, ["model"], "bytes is ['model']; choose one of tables, model"),
        ({}, "model", "margins is {}; expected {metric: margin}"),
        ([0.002], "model", "margins is [0.002]; expected {metric: margin}"),
        ({"auc": -1}, "model", "margin is -1; expected 0 or more"),
        ({"accuracy": 0.002}, "model", "accuracy"),
    ],
)
def test_a_choice_that_is_not_understood_is_a_sentence(tmp_path, margins, size, sentence):
    with pytest.raises(UsageError) as caught:
        experiment(tmp_path, choose={"arm": "full", "margins": margins, "bytes": size})
    assert sentence in str(caught.value)


def test_a_point_is_chosen_by_one_metric_or_several(tmp_path):
    one = experiment(tmp_path, choose={"arm": "full", "metric": "auc", "margin": 0.001}).choose
    assert (one.references, one.size) == ((Reference("full", metric="auc", margin=0.001),), "embedding_bytes")
    both = experiment(tmp_path, choose={"arm": "full", "margins": {"auc": 0.001, "logloss": 0.003}, "bytes": "model"})
    assert [(own.metric, own.margin) for own in both.choose.references] == [("auc", 0.001), ("logloss", 0.003)]
    assert both.choose.size == "model_bytes"
    assert both.only(["few"]).choose is None
