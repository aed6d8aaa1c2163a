"""Runs whose model reads views of the log."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.factorization.crossfit import complement
from cadc.ledger import Ledger
from cadc.pipeline.build import draw_sample, fit_log_views, open_log, with_numbers
from cadc.pipeline.settings import Settings
from cadc.serving.load import load_run
from tests.support.commands import cadc, train

LOG = ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80", "data.ratings=true")
STACK = (*LOG, "model=stack", "factorization.dim=2", "sampler.rate=0.2")
BOTH = ("views=[factorization,ordinal]", "factorization_rows=complement")


def begun(*words):
    settings = Settings.compose([*STACK, *words])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    return settings, log, sample, fit_log_views(settings, log, sample)


def test_views_are_fitted_on_the_rows_outside_the_sample():
    _, log, sample, fitted = begun(*BOTH)
    assert fitted.n_rows == log.n_rows("train") - len(sample.rows)
    # The factorisation of those rows alone gives the numbers of the first view.
    settings = Settings.compose([*STACK, *BOTH])
    factors, _ = settings.factorization.build().fit(log, complement(log, sample.rows, "row"), 2)
    rows = log.rows("test")
    numbers = fitted.numbers(log, rows)
    assert torch.allclose(numbers[:, 0], factors.logits(log, rows), atol=1e-4)


def test_numbers_that_batches_bring_along_are_those_that_the_views_compute():
    settings, log, sample, fitted = begun(*BOTH)
    rows = torch.cat([log.rows("test")[:7], sample.rows[:5], log.rows("validation")[-3:]])
    brought = with_numbers(settings, log, fitted, sample).gather(rows).views
    assert torch.allclose(brought, fitted.module(log.gather(rows)), atol=1e-6)


def test_a_training_row_that_views_have_read_has_no_numbers():
    settings, log, sample, fitted = begun(*BOTH)
    read = complement(log, sample.rows, "row")[:1]
    with pytest.raises(KeyError):
        with_numbers(settings, log, fitted, sample).gather(read)


def test_cross_fitted_numbers_of_a_row_come_from_the_part_without_it():
    settings, log, _, fitted = begun(
        "views=[factorization]", "factorization_rows=crossfit", "factorization_folds=3", "sampler.rate=1"
    )
    module = fitted.module
    rows = log.rows("train")[::97]
    numbers = module.of_rows(log, rows)
    for row, number in zip(rows, numbers, strict=True):
        part = int(module.fold[row])
        method = settings.factorization.build()
        others = log.rows("train")[module.fold != part]
        factors, _ = method.fit(log, others, 2)
        assert torch.allclose(number, factors.logits(log, row[None]), atol=1e-4)
    held_out = module.of_rows(log, log.rows("test")[:9])
    parts = torch.stack([module._numbers(log.gather(log.rows("test")[:9]), part) for part in range(3)])
    assert torch.allclose(held_out, parts.mean(0), atol=1e-6)


@pytest.mark.parametrize("rows", ["complement", "crossfit"])
def test_a_stack_predicts_its_own_test_rows_bit_for_bit(rows):
    run = Ledger().path(train(*STACK, *BOTH, f"factorization_rows={rows}").name)
    _, log, model = load_run(Ledger(), run.name)
    saved = pd.read_parquet(run / "scores.parquet").sort_values("row")
    place = np.argsort(log.column("row", "test"))
    with torch.inference_mode():
        logits = model(log.gather(log.rows("test")[torch.from_numpy(place)]))
    assert np.array_equal(torch.sigmoid(logits.double()).numpy(), saved["probability"].to_numpy())


def test_a_run_records_what_its_views_cost():
    record = json.loads((train(*STACK, *BOTH) / "record.json").read_text())
    assert record["cost"]["views_s"] > 0
    assert record["cost"]["factorize_s"] > 0, "the factorisations that views ask for are counted with the others"
    assert record["cost"]["total_s"] > record["cost"]["views_s"] + record["cost"]["factorize_s"]
    assert record["uses"] == ["model", "sampler", "factorization", "views.factorization", "views.ordinal"]
    assert record["rows"]["factorized"] == 2400 - 480
    tables = 2 * (61 + 81) * 3 * 4
    assert record["bytes"]["model"] > tables


def test_views_that_a_model_does_not_read_do_not_make_another_run():
    words = (*LOG, "model=bias")
    assert train(*words).name == train(*words, "views=[ordinal]").name


def test_order_and_repetition_of_views_do_not_make_another_run():
    names = {
        train(*STACK, "factorization_rows=complement", f"views={text}").name
        for text in ("[factorization,ordinal]", "[ordinal,factorization]", "[ordinal,factorization,ordinal]")
    }
    assert len(names) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("views=[factorization]",), "factorization_rows=full lets views read"),
        (("views=[factorization]", "factorization_rows=complement", "sampler.rate=1"), "has none to read"),
        ((), "none is chosen; choose some of"),
        (("views=[factorisation]",), "did you mean views=factorization?"),
        (("views=[factorization]", "views.ordinal.most=2"), "since the view ordinal is not chosen"),
        (
            ("views=[ordinal]", "views.ordinal.mst=2"),
            "there is no key views.ordinal.mst; did you mean views.ordinal.most",
        ),
        ((*BOTH, "views.ordinal.thresholds=[7]"), "which all or none of the ratings reach"),
        ((*BOTH, "views.ordinal.thresholds=[]"), "views.ordinal.thresholds is empty"),
        ((*BOTH, "views.ordinal.thresholds=3"), "expected a list such as [64, 32], each a finite number, or null"),
        ((*BOTH, "views=[statistics]", "views.statistics.fields=[]"), "views.statistics.fields is empty"),
        ((*BOTH, "views.ordinal.most=0"), "views.ordinal.most is 0"),
        ((*BOTH, "data.ratings=false"), "reads raw ratings"),
    ],
)
def test_what_does_not_fit_is_one_sentence(words, said):
    answer = cadc("train", *STACK, *words)
    assert answer.status
    assert said in answer.sentence
