"""Energy is recorded only where it is asked for and measured; else it is unknown, and never 0."""

import importlib.util
from types import SimpleNamespace

import pytest

from cadc.execution.jobs import plan
from cadc.ledger import Ledger
from cadc.provenance import energy
from tests.support.commands import TINY, cadc, runs


class Tracker:
    """As codecarbon's, of a processor in some mode."""

    def __init__(self, mode):
        self._hardware = [SimpleNamespace(), SimpleNamespace(_mode=mode)]
        self.calls = []
        self.final_emissions_data = SimpleNamespace(energy_consumed=0.0125)

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")


@pytest.fixture
def tracker(monkeypatch, request):
    made = Tracker(getattr(request, "param", "intel_rapl"))
    monkeypatch.setattr(energy, "_tracker", lambda: made)
    monkeypatch.setattr(energy, "find_spec", lambda name: name)
    return made


@pytest.mark.parametrize(
    ("tracker", "expected"), [("intel_rapl", 0.0125), ("cpu_load", None), ("constant", None)], indirect=["tracker"]
)
def test_a_record_holds_what_a_meter_says_and_null_without_one(tracker, expected):
    answer = cadc("train", *TINY, "energy=true")
    assert answer.status == 0, answer.err
    (record,) = list(Ledger())
    assert record["cost"]["energy_kwh"] == expected
    assert tracker.calls == ["start", "stop"]
    assert ("energy of this run is unknown" in answer.err) == (expected is None)


def test_nobody_measures_unless_asked_and_the_id_is_the_same(tracker):
    (plain,), (asking,) = plan([TINY]), plan([(*TINY, "energy=true")])
    assert plain.run_id == asking.run_id
    assert cadc("train", *TINY).status == 0
    (record,) = list(Ledger())
    assert "energy_kwh" not in record["cost"] and tracker.calls == []


def test_runs_of_a_fleet_do_not_know_theirs(tracker):
    assert cadc("train", "-m", *TINY, "energy=true", "trainer.fleet=2", "seed=0,1").status == 0
    assert [record["cost"]["energy_kwh"] for record in list(Ledger())] == [None, None]


def test_a_failing_run_stops_its_measurement(tracker):
    assert cadc("train", *TINY, "energy=true", "trainer.learning_rate=1e30").status != 0
    assert tracker.calls == ["start", "stop"]


def test_a_missing_package_is_said_before_anything_is_run(monkeypatch):
    monkeypatch.setattr(energy, "find_spec", lambda name: None)
    answer = cadc("train", *TINY, "energy=true")
    assert answer.status == 2
    assert answer.sentence.endswith("`pip install 'cadc[energy]'` adds it.")
    assert runs() == []


@pytest.mark.skipif(
    importlib.util.find_spec("codecarbon") is None,
    reason="codecarbon is not installed; pip install 'cadc[energy]' adds it",
)
def test_codecarbon_itself_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cadc("train", *TINY, "energy=true").status == 0
    (record,) = list(Ledger())
    assert record["cost"]["energy_kwh"] is None or record["cost"]["energy_kwh"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
