"""Metrics are found by their place, in `cadc` and in installed plug-ins, and nothing else is edited."""

import pytest

from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import comparable_metric, is_metric, known_forms, metric

ERROR_RATE = '''
"""Share of rows on the wrong side of one half."""
import numpy as np
from cadc.evaluation.metrics.metric import RowMetric

class ErrorRate(RowMetric):
    """Share of rows on the wrong side of one half."""
    name = "error_rate"
    label = "error rate"
    higher_is_better = False
    bounds = (0.0, 1.0)

    def by_row(self, label, probability):
        return ((probability > 0.5) != (label > 0.5)).astype(float)
'''


@pytest.fixture
def add_metric(plugin, forget_plugins):
    """Write a file of metrics into the plug-in."""

    def add(name, text):
        (plugin / "metrics").mkdir(exist_ok=True)
        (plugin / "metrics" / f"{name}.py").write_text(text)
        forget_plugins()

    return add


@pytest.mark.parametrize("name", ["acc", "hr", "hr@", "hr@0", "ndcg@x", "auc@10", "hr@5@5", "AUC", "test/auc", "@5"])
def test_an_unknown_metric_is_answered_with_those_there_are(name):
    assert not is_metric(name)
    with pytest.raises(UsageError, match=r"there is no metric .* auc, brier, .* hr@K, .* mrr, mrr@K") as unknown:
        metric(name)
    assert repr(name) in str(unknown.value)


@pytest.mark.parametrize("name", ["auc", "hr@5", "ndcg@10", "recall@123", "mrr", "mrr@10", "brier", "pr_auc", "ece"])
def test_a_metric_is_found_by_the_name_that_it_is_written_with(name):
    assert is_metric(name)
    assert metric(name).name == name


def test_a_metric_of_a_plugin_is_one_class_in_one_file(add_metric):
    assert not is_metric("error_rate")
    add_metric("error_rate", ERROR_RATE)
    assert comparable_metric("error_rate").label == "error rate"
    assert known_forms()[-1] == "error_rate"


def test_a_plugin_may_keep_its_metrics_in_one_module(plugin, forget_plugins):
    (plugin / "metrics.py").write_text(ERROR_RATE)
    forget_plugins()
    assert is_metric("error_rate")


def test_helpers_and_base_classes_beside_a_metric_are_not_metrics(add_metric):
    add_metric("base", "from cadc.evaluation.metrics.metric import RowMetric\nclass Base(RowMetric):\n    label = ''\n")
    add_metric("helper", "from cadc.evaluation.metrics.auc import AUC, auc\n")
    add_metric("error_rate", ERROR_RATE)
    assert known_forms()[-1] == "error_rate"
    assert known_forms().count("auc") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ERROR_RATE.replace('"error_rate"', '"auc"'),
            r"auc is duplicated: .*auc\.AUC and plugged\.metrics\.x",
        ),
        (ERROR_RATE.replace('label = "error rate"', ""), r"plugged\.metrics\.x\.ErrorRate does not state label"),
        (ERROR_RATE.replace('"error_rate"', '"error/rate"'), r"ErrorRate is named 'error/rate'"),
        ("import no_such_module\n", r"plugged\.metrics\.x cannot be imported .*no_such_module"),
    ],
    ids=["duplicated", "incomplete", "name", "import"],
)
def test_a_metric_that_cannot_be_used_is_named_with_its_file(add_metric, text, said):
    add_metric("x", text)
    with pytest.raises(UsageError, match=said):
        metric("auc")
