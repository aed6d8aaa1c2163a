"""Runs of a sweep that are trained together have the ids, files and records of runs alone, and their own fates."""

import pytest

from cadc.execution import fleet
from cadc.ledger import Ledger
from cadc.storage.run_files import RECORD
from tests.support.commands import TINY, cadc, closing

SWEEP = ("train", "-m", *TINY, "trainer.patience=99", "sampler.rate=0.3,0.5", "seed=0,1")
TOGETHER = (*SWEEP, "trainer.fleet=8")


def sizes():
    """Return the number of arms that each finished run of the ledger was trained with."""
    return {record["id"]: record["environment"].get("fleet", 1) for record in Ledger()}


def test_runs_that_are_trained_together_have_the_ids_and_nearly_the_numbers_of_runs_alone(tmp_path, monkeypatch):
    found = {}
    for name, words in (("alone", SWEEP), ("together", TOGETHER)):
        monkeypatch.setenv("CADC_RUNS", str(tmp_path / name))
        assert closing(cadc(*words)) == {"finished": 4}
        found[name] = {record["id"]: record for record in Ledger()}
        assert cadc("ledger", "verify").status == 0
    assert found["alone"].keys() == found["together"].keys()
    for run_id, record in found["together"].items():
        alone = found["alone"][run_id]
        assert record["metrics"] == pytest.approx(alone["metrics"], abs=0.01)
        assert (record["environment"].pop("fleet"), alone["environment"].get("fleet")) == (4, None)
        assert record["environment"] == alone["environment"]
        assert record["files"].keys() == alone["files"].keys()
        assert (record["cost"]["epochs"], record["bytes"]) == (alone["cost"]["epochs"], alone["bytes"])
    # A finished sweep is done, however it was done.
    assert closing(cadc(*SWEEP)) == {"skipped": 4}


def test_a_fleet_is_no_larger_than_asked_for_and_holds_runs_of_equal_shapes(tmp_path):
    words = [*TOGETHER[:-1], "trainer.fleet=3", "embedding.dim=4,8"]
    assert closing(cadc(*words)) == {"finished": 8}
    # Of four runs of a shape, three are a fleet and one is left.
    assert sorted(sizes().values()) == [1, 1, 3, 3, 3, 3, 3, 3]


def test_a_stopped_fleet_keeps_what_was_finished_and_goes_on(monkeypatch):
    ends = fleet.end
    ended = []

    def stop_after_the_first(settings, *others):
        if ended:
            raise KeyboardInterrupt
        ended.append(settings)
        return ends(settings, *others)

    with monkeypatch.context() as patch:
        patch.setattr(fleet, "end", stop_after_the_first)
        assert cadc(*TOGETHER).status == 130
    statuses = Ledger().statuses()
    assert sorted(statuses.values()) == ["finished", "interrupted", "interrupted", "interrupted"]
    (first,) = [run_id for run_id, status in statuses.items() if status == "finished"]
    record = (Ledger().path(first) / RECORD).read_bytes()
    assert closing(cadc(*TOGETHER)) == {"finished": 3, "skipped": 1}
    assert (Ledger().path(first) / RECORD).read_bytes() == record
    assert sorted(sizes().values()) == [3, 3, 3, 4]
    assert [path.name for path in Ledger().folder.glob(".*")] == []


def test_a_run_that_resumes_from_a_checkpoint_is_trained_alone(monkeypatch):
    from cadc.pipeline import run as pipeline

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "end", stop)
        assert cadc(*SWEEP).status == 130
    assert closing(cadc(*TOGETHER)) == {"finished": 3, "resumed": 1}
    assert sorted(sizes().values()) == [1, 3, 3, 3]


def test_a_run_that_fails_has_its_record_and_the_others_theirs():
    words = [word for word in TOGETHER if not word.startswith("sampler.rate")]
    answer = cadc(*words, "trainer.learning_rate=0.003,1e30")
    assert closing(answer) == {"finished": 2, "failed": 2}
    reasons = [record["reason"] for record in map(Ledger().record, Ledger().statuses()) if record["status"] == "failed"]
    assert len(reasons) == 2
    assert all("lower trainer.learning_rate (now 1e+30)" in reason for reason in reasons)
    assert set(sizes().values()) == {4}


def test_models_that_cannot_be_batched_are_trained_one_after_the_other_with_a_word():
    answer = cadc(*TOGETHER, "initializer=mf", "initializer.unseen=unknown")
    assert closing(answer) == {"finished": 4}
    assert answer.err.count("The runs that are left are trained one after the other.") == 1
    assert set(sizes().values()) == {1}
