"""Labels that are all the same leave a factorisation of labels at its random start; it says so, with the way out."""

from functools import partial

import numpy as np
import pytest

from cadc.errors import DataError
from cadc.factorization.als import ALS
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.svd import SVD
from tests.sampling.samplers import changed
from tests.support.commands import cadc
from tests.support.helpers import small_synthetic_log

EXPLICIT = {
    "logistic": (LogisticMF, "set factorization.feedback=implicit, or factorization=als"),
    "logistic, adam": (partial(LogisticMF, solver="adam"), "set factorization.feedback=implicit, or factorization=als"),
    "fm": (FactorizationMachine, "set factorization=als, or factorization=cooccurrence for all fields"),
    "als": (partial(ALS, feedback="explicit"), "set factorization.feedback=implicit"),
    "svd": (partial(SVD, feedback="explicit"), "set factorization.feedback=implicit"),
}


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("name", EXPLICIT)
def test_one_label_is_refused_with_the_way_out(name, label, tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", label=label)
    factorization, way_out = EXPLICIT[name]
    with pytest.raises(DataError) as error:
        factorization().fit(log, log.rows("train"), 3)
    if not label:
        way_out = "or a data.threshold, with both labels"
    assert str(error.value).startswith(f"all 4800 rows to factorise have label {label}")
    assert str(error.value).endswith(f"{way_out}.")


@pytest.mark.parametrize("factorization", [ALS, SVD, partial(LogisticMF, feedback="implicit", max_epochs=2)])
def test_implicit_feedback_takes_rows_of_label_1_alone(factorization, tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", label=1)
    factors, _ = factorization().fit(log, log.rows("train"), 3)
    assert factors.logits(log, log.rows("test")).std() > 0


@pytest.fixture
def all_liked(tmp_path):
    """Words for a log of nothing but positives."""
    rng = np.random.default_rng(0)
    rows = [f"{user},{item},1" for user, item in rng.integers(0, (30, 40), (900, 2))]
    (tmp_path / "liked.csv").write_text("\n".join(["user,item,label", *rows]) + "\n")
    columns = ("data.user=user", "data.item=item", "data.label=label")
    return ["data=table", f"data.path={tmp_path / 'liked.csv'}", *columns, "model=two_tower", "trainer.max_epochs=1"]


@pytest.mark.parametrize(
    "words",
    [
        ["initializer=mf", "initializer.freeze=true"],
        ["initializer=random", "model.residual=true"],
        ["initializer=random", "sampler=leverage", "sampler.rate=0.5"],
        ["model=factorization", "task=ranking"],
    ],
    ids=" ".join,
)
def test_runs_that_would_go_by_noise_end_in_that_sentence(words, all_liked):
    answer = cadc("train", *all_liked, *words)
    assert answer.status == 1
    assert "have label 1" in answer.err
    assert "set factorization.feedback=implicit, or factorization=als" in answer.err
    assert cadc("train", *all_liked, *words, "factorization.feedback=implicit").status == 0
