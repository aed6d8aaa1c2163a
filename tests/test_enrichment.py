"""CADC's own step: user and item tables start from the factors, and stay there where they are frozen."""

import pytest
import torch

from cadc.config import compose_config
from cadc.exporting import tables_of
from cadc.ledger import Ledger
from cadc.pipeline import draw_sample, factorize_log, make_model, open_log
from cadc.serving import load_run
from tests.commands import TINY, train

ENRICHED = ("user", "item")


def start_and_end(*words):
    """Return the factors, the initial tables and the trained ones, by field."""
    config = compose_config([*TINY, "initializer=mf", *words])
    log = open_log(config)
    sample = draw_sample(config, log)
    fitted = factorize_log(config, log, sample)
    before = tables_of(make_model(config, log, fitted, sample), log)
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


def test_factors_do_not_depend_on_seed_or_rate():
    found = []
    for words in (["seed=0", "sampler.rate=0.1"], ["seed=5", "sampler.rate=1"]):
        config = compose_config([*TINY, "initializer=mf", *words])
        log = open_log(config)
        found.append(factorize_log(config, log, draw_sample(config, log)).factors.vectors)
    assert all(torch.equal(found[0][field], found[1][field]) for field in ENRICHED)
