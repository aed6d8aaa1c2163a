"""Scores that only order rows are no logits: a model that takes logits refuses them, and says what fits them."""

import pytest

from tests.support.commands import TINY, cadc, runs


@pytest.mark.parametrize("factorization", ["als", "bpr", "svd", "cooccurrence", "transitions"])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("FactorizationModel", ["model=factorization"]),
        ("BiasModel", ["model=bias"]),
        ("DLRM", ["model.residual=true", "initializer=random"]),
    ],
)
def test_scores_are_refused_where_logits_are_read(model, words, factorization):
    answer = cadc("train", *TINY, *words, f"factorization={factorization}")
    assert answer.status == 2
    assert f"scores that only order rows, but {model} takes logits of label 1; set model=platt" in answer.sentence
    assert not runs()


@pytest.mark.parametrize(
    "words",
    [
        ["model=factorization", "task=ranking"],
        ["model=platt"],
        ["initializer=mf"],
        ["model=two_tower", "initializer=random", "model.residual=true"],
    ],
    ids=" ".join,
)
def test_they_rank_are_scaled_and_start_tables(words):
    answer = cadc("train", *TINY, *words, "factorization=als")
    assert answer.status == 0, answer.err
