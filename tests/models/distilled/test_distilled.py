"""Runs of a distilled stack."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.ledger import Ledger
from cadc.pipeline.build import draw_sample, fit_log_views, make_model, open_log
from cadc.pipeline.settings import Settings
from cadc.serving.load import load_run
from tests.support.commands import cadc, train

LOG = ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80", "data.ratings=true")
WORDS = (*LOG, "factorization.dim=2", "sampler.rate=0.2", "factorization_rows=complement")
ALL = "views=[factorization,ordinal,profile,item_neighbours,ease,statistics]"


def fitted(*words):
    settings = Settings.compose([*WORDS, *words])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    model = make_model(settings, log, None, sample, fit_log_views(settings, log, sample))
    model.fit_sample(log, sample.rows, sample.weights, sample.offset)
    return log, model


def test_with_bits_enough_it_orders_pairs_as_the_stack_does():
    log, stack = fitted("model=stack", ALL)
    _, model = fitted("model=distilled", ALL, "model.bits=400", "model.dim=60")
    rows = log.rows("test")
    known = (log.field_ids("user", rows) > 0) & (log.field_ids("item", rows) > 0)
    batch = log.gather(rows)
    with torch.inference_mode():
        ours, theirs = model(batch)[known], stack(batch)[known]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_it_predicts_its_own_test_rows_bit_for_bit_and_saves_nothing_but_packed_vectors():
    run = Ledger().path(train(*WORDS, "model=distilled", ALL, "model.bits=20").name)
    _, log, model = load_run(Ledger(), run.name)
    saved = pd.read_parquet(run / "scores.parquet").sort_values("row")
    place = np.argsort(log.column("row", "test"))
    with torch.inference_mode():
        logits = model(log.gather(log.rows("test")[torch.from_numpy(place)]))
    assert np.array_equal(torch.sigmoid(logits.double()).numpy(), saved["probability"].to_numpy())
    state = load_file(run / "model.safetensors")
    assert {name.split("_")[0] for name in state} == {"codes", "steps", "widths", "scalars"}
    assert [len(state[f"codes_{name}"]) for name in ("user", "item")] == [-(-61 * 20 // 8), -(-81 * 20 // 8)]
    assert json.loads((run / "record.json").read_text())["bytes"]["model"] < sum(map(len, state.values())) + 900


def test_unknown_users_and_items_have_no_vector():
    log, model = fitted("model=distilled", "views=[factorization]")
    batch = log.gather(log.rows("test")[:3])
    batch.ids[:] = 0
    mean, a, c = model.scalars.tolist()
    assert torch.allclose(model(batch), torch.full((3,), a * mean + c, dtype=torch.float64))


def test_cross_fitted_views_are_distilled_too():
    log, model = fitted(
        "model=distilled", ALL, "factorization_rows=crossfit", "factorization_folds=2", "sampler.rate=1"
    )
    assert model(log.gather(log.rows("test"))).std() > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("views=[recency]",), "the view recency has no numbers for pairs"),
        (("views=[factorization]", "model.bits=0"), "model.bits is 0"),
        ((), "none is chosen; choose some of"),
    ],
)
def test_what_does_not_fit_is_one_sentence(words, said):
    answer = cadc("train", *WORDS, "model=distilled", *words)
    assert answer.status
    assert said in answer.sentence
