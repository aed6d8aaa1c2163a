"""CADC's own step: user and item tables start from the factors, and stay there where they are frozen."""

from dataclasses import replace

import pytest
import torch

from cadc.data.seen_ids import seen_ids
from cadc.factorization.factor_logit import FactorLogit
from cadc.ledger import Ledger
from cadc.pipeline.build import draw_sample, factorize_log, make_model, open_log
from cadc.pipeline.settings import Settings
from cadc.serving.export import tables_of
from cadc.serving.load import load_run
from tests.support.commands import TINY, cadc, train

ENRICHED = ("user", "item")


def start_and_end(*words):
    """Return the factors, the initial tables and the trained ones, by field."""
    settings = Settings.compose([*TINY, "initializer=mf", *words])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    fitted = factorize_log(settings, log, sample)
    before = tables_of(make_model(settings, log, fitted, sample), log)
    _, _, model = load_run(Ledger(), train("initializer=mf", *words).name)
    return fitted.factors.vectors, before, tables_of(model, log)


def test_tables_start_from_the_factors():
    factors, before, _ = start_and_end()
    for field in ENRICHED:
        assert torch.equal(before[field], factors[field])


def test_frozen_tables_equal_the_factors_bit_for_bit_after_training():
    factors, before, after = start_and_end("initializer.freeze=true")
    for field in ENRICHED:
        assert torch.equal(after[field], factors[field])
    assert all(not torch.equal(after[field], before[field]) for field in after if field not in ENRICHED)


def test_tables_that_are_not_frozen_move():
    factors, _, after = start_and_end()
    for field in ENRICHED:
        moved = (after[field] != factors[field]).any(1)
        assert moved[1:].float().mean() > 0.9


def test_frozen_tables_take_no_state_of_the_optimiser():
    sizes = {
        freeze: Ledger().record(train("initializer=mf", f"initializer.freeze={freeze}").name)["bytes"]
        for freeze in ("true", "false")
    }
    assert sizes["true"]["optimizer"] < sizes["false"]["optimizer"]
    assert sizes["true"]["embedding"] == pytest.approx(sizes["false"]["embedding"], abs=200)


def test_factors_with_a_seed_of_their_own_do_not_depend_on_seed_or_rate():
    found = []
    for words in (["seed=0", "sampler.rate=0.1"], ["seed=5", "sampler.rate=1", "factorization.seed=0"]):
        settings = Settings.compose([*TINY, "initializer=mf", *words])
        log = open_log(settings)
        found.append(factorize_log(settings, log, draw_sample(settings, log)).factors.vectors)
    assert all(torch.equal(found[0][field], found[1][field]) for field in ENRICHED)


def test_cross_fitted_vectors_are_frozen_or_refused():
    words = [*TINY, "initializer=mf", "factorization_rows=crossfit", "factorization_folds=3"]
    answer = cadc("train", *words)
    assert answer.status == 2
    assert "cross-fitted vectors can only be frozen, and those of user, item would be trained" in answer.err
    assert train(*words[5:], "initializer=mf", "initializer.freeze=true").exists()


@pytest.mark.parametrize("initializer", ["mf", "mf_bias"])
def test_cross_fitted_tables_leave_the_products_of_each_fold_as_they_were(initializer):
    words = ["factorization_rows=crossfit", "factorization_folds=3", "initializer.freeze=true", "model.top_mlp=[]"]
    settings = Settings.compose([*TINY, f"initializer={initializer}", *words])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    fitted = factorize_log(settings, log, sample)
    model = make_model(settings, log, fitted, sample)
    rows = sample.rows[:200]
    fold = fitted.factors.fold[rows]
    batch = replace(log.gather(rows), fold=fold)
    vectors = dict(zip(model.embeddings.field_names, model.embeddings(batch).unbind(1), strict=True))
    found = (vectors["user"] * vectors["item"]).sum(1)
    expected = FactorLogit(fitted.factors, log.schema)(batch)
    if initializer == "mf":
        for number, part in enumerate(fitted.factors.parts):
            biases = [part.biases[name][log.field_ids(name, rows).long()] for name in ENRICHED]
            expected = torch.where(fold == number, expected - sum(biases), expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_content_reaches_items_that_never_occur_in_training():
    words = ("data.n_rows=400", "initializer.freeze=true")
    _, log, model = load_run(Ledger(), train("initializer=content", *words).name)
    cold = log.plain.entities["item"].ids[1:, 0] == 0
    assert cold.any()
    tables = tables_of(model, log)
    assert len(tables["item"]) == log.n_entities("item")
    assert (tables["item"][1:][cold] != tables["item"][0]).any(1).all()
    assert len(torch.unique(tables["item"][1:][cold], dim=0)) > 1


def test_a_residual_network_reaches_cold_items_too():
    words = ("data.n_rows=400", "model.residual=true", "factorization_rows=complement", "sampler.rate=0.5")
    assert train("initializer=content", *words).exists()


@pytest.mark.parametrize("unseen", ["zero", "random", "unknown"])
def test_ids_without_a_row_in_the_sample(unseen):
    words = ("data.n_rows=400", "sampler.rate=0.1", f"initializer.unseen={unseen}", "initializer.id_dropout=0.3")
    _, log, model = load_run(Ledger(), train(*words).name)
    settings = Settings.compose([*TINY, *words])
    seen = seen_ids(log, draw_sample(settings, log).rows)
    for name, table in tables_of(model, log).items():
        unseen_rows = table[1:][~seen[name][1:]]
        if unseen == "unknown":
            assert torch.equal(unseen_rows, table[:1].expand_as(unseen_rows))
            assert table[0].any(), name
        else:
            assert not table[0].any()
            assert unseen_rows.any(1).all() == (unseen == "random") or not len(unseen_rows)
