"""Training steps are taken twice; a tensor that differs is named."""

import itertools
import os

import pytest
import torch

from cadc.diagnosis.repetition import bits, check_repetition
from cadc.training.fit_state import FitState


@pytest.mark.parametrize(
    "overrides",
    [[], ["model=two_tower", "data=ml-1m", "data.threshold=3"], ["initializer=mf_bias", "trainer.lazy_tables=true"]],
)
def test_steps_of_a_network_repeat(overrides, monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_CACHE", str(tmp_path / "cache"))
    found = check_repetition(overrides)
    assert (found.state, "the run's network" in found.text) == ("ok", True), found
    assert os.environ["CADC_CACHE"] == str(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_run_without_a_network_is_represented_by_the_default_one():
    assert "the default network" in check_repetition(["model=bias"]).text


def test_the_first_tensor_that_differs_is_named_with_its_step(monkeypatch):
    calls, changed = itertools.count(1), []
    step = FitState.step

    def disturbed(state, *arguments):
        step(state, *arguments)
        if next(calls) == 27:  # the seventh step of the second time
            name, weight = list(state.model.named_parameters())[1]
            weight.data.view(-1)[0] = torch.nextafter(weight.data.view(-1)[0], torch.tensor(9.0))
            changed.append(name)

    monkeypatch.setattr(FitState, "step", disturbed)
    found = check_repetition([])
    assert found.state == "wrong"
    assert f"differs is {changed[0]}, after step 7" in found.text


def test_bits_tell_zeros_apart_and_take_any_tensor():
    assert bits(torch.tensor(0.0)) != bits(torch.tensor(-0.0))
    sparse = torch.sparse_coo_tensor([[1]], [2.0], (3,))
    assert bits(sparse) == bits(torch.tensor([0.0, 2.0, 0.0]))
    assert bits(torch.tensor([1.0, 2.0], dtype=torch.bfloat16)) != bits(torch.tensor([2.0, 1.0], dtype=torch.bfloat16))
