"""A page that watches a sweep: what it says while the sweep works, and what is left of it however it ends."""

import json
import re
import signal
import time

import pytest

from cadc.ledger import Ledger
from cadc.ledger.sweeps import SweepNotes, SweepRun
from cadc.reporting.page.watch import Watch, sweep_to_watch
from tests.ledger.conftest import record
from tests.support.commands import TINY, cadc
from tests.support.processes import Command

EPOCHS = 80
"""So many that a sweep lasts for several looks at it, also where the machine does other work."""
SWEEP = (
    "train",
    "-m",
    *TINY,
    f"trainer.max_epochs={EPOCHS}",
    "trainer.patience=99",
    "trainer.learning_rate=0.003,1e30,0.01",
)


def received(path):
    """What a script beside the page hands over."""
    text = path.read_text()
    assert re.fullmatch(r"cadc\.receive_(live|data)\(.*\);\n", text)
    return json.loads(text.partition("(")[2].removesuffix(");\n"))


def embedded(path):
    """The data that the page itself holds."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1])


def seen_until(watching, live, wanted):
    """Collect what the page is told until it is told enough."""
    found = []
    while not (found and wanted(found[-1])):
        assert watching.is_running, watching.answer()
        if live.exists() and (now := received(live)) not in found:
            found.append(now)
        time.sleep(0.02)
    return found


@pytest.fixture
def place(session_cache, tmp_path):
    (tmp_path / "shown").mkdir()
    return tmp_path


def watch(place, *words):
    return Command(("page", "--watch", *words, "--output", "shown/page.html"), place)


def test_a_sweep_is_watched_from_its_first_epoch_to_its_end(place):
    sweep, watching = Command(SWEEP, place), watch(place)
    # The first look at a run may come in its first twentieth of a second.
    found = seen_until(
        watching, place / "shown" / "page.live.js", lambda live: live["runs"] and live["runs"][0]["seconds"]
    )
    (run,) = found[-1]["runs"]
    assert run["label"].startswith("trainer.learning_rate=")
    assert run["stage"] and run["max_epochs"] == EPOCHS and run["seconds"] > 0
    assert {live["n_runs"] for live in found} == {3}
    answer = watching.answer()
    assert sweep.answer().status == answer.status == 1, answer.err
    assert "the sweep ended, and runs failed; the page says why; written to shown/page.html" in answer.out
    counts = [line for line in answer.err.splitlines() if " done, " in line]
    assert counts and counts == list(dict.fromkeys(counts)), "a state is said once"
    last = received(place / "shown" / "page.live.js")
    assert (last["done"], last["running"], last["failed"], last["left"], last["end"]) == (2, 0, 1, 0, "failed")
    (failure,) = last["failures"]
    assert failure["label"] == "trainer.learning_rate=1e30" or "1e+30" in failure["label"]
    assert "lower trainer.learning_rate" in failure["reason"]
    data = embedded(place / "shown" / "page.html")
    assert data["live"] == last
    assert len(data["runs"]) == 2 and len(data["experiments"]) == 1
    assert received(place / "shown" / "page.data.js")["version"] == last["version"]


def test_a_sweep_killed_amid_its_work_ends_the_watching_with_what_there_is(place):
    sweep, watching = Command(SWEEP, place), watch(place)
    # Between two runs of the sweep there is none to be interrupted.
    seen_until(watching, place / "shown" / "page.live.js", lambda live: live["runs"])
    sweep.send(signal.SIGKILL)
    sweep.answer()
    answer = watching.answer()
    assert answer.status == 1, answer.err
    assert "the sweep was interrupted; the same command goes on" in answer.out
    last = embedded(place / "shown" / "page.html")["live"]
    assert last["end"] == "interrupted" and last["running"] == 0 and last["left"] >= 1
    assert last["failures"][-1]["status"] == "interrupted"


def test_ctrl_c_ends_the_watching_alone_and_leaves_a_page(place):
    sweep, watching = Command(SWEEP, place), watch(place)
    seen_until(watching, place / "shown" / "page.live.js", lambda live: live["running"])
    watching.send(signal.SIGINT)
    answer = watching.answer()
    assert answer.status == 130
    assert "no longer watched; the sweep goes on, and shown/page.html shows it so far" in answer.err
    data = embedded(place / "shown" / "page.html")
    assert data["live"]["end"] == "stopped"
    assert (
        "file:"
        not in re.search('Content-Security-Policy" content="([^"]*)"', (place / "shown/page.html").read_text())[1]
    )
    assert sweep.answer().status == 1, "its one failure, not the watching, sets the status"


RUNS = [SweepRun("a", "random"), SweepRun("b", "mf"), SweepRun("c", "<script>alert(1)</script>")]


def test_which_sweep_is_watched():
    ledger = Ledger()
    assert sweep_to_watch(ledger) is None
    with ledger.claim("alone"):
        assert [run.run_id for run in sweep_to_watch(ledger).runs] == ["alone"]
        one, other = SweepNotes(ledger, "cadc_ml1m", RUNS), SweepNotes(ledger, "quickstart", RUNS[:2])
        one.work()
        other.work()
        assert sweep_to_watch(ledger, "cadc_ml1m").name == "cadc_ml1m"
        other.end(is_over=False)
        assert sweep_to_watch(ledger).name == "cadc_ml1m", "an interrupted sweep is not watched"
        one.end(is_over=True)
        assert sweep_to_watch(ledger, "cadc_ml1m") is None


def test_names_of_runs_are_texts(tmp_path):
    ledger, said = Ledger(), []
    notes = SweepNotes(ledger, "</script><!--", RUNS)
    notes.work()
    with ledger.claim("c") as lease:
        ledger.begin(lease, {"id": "c", "reason": "</script>"})
        Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", said.append).look()
    for name in ("page.html", "page.live.js", "page.data.js"):
        assert "alert(1)</script>" not in (tmp_path / name).read_text()
        assert "<!--" not in (tmp_path / name).read_text().partition('id="data"')[2]
    assert said == ["0 done, 1 running, 0 failed, 2 left"]
    notes.end(is_over=True)


def test_nothing_to_watch_is_a_sentence(monkeypatch):
    monkeypatch.setattr("cadc.cli.page.WAIT", -1.0)
    answer = cadc("page", "--watch", "cadc_ml1m")
    assert answer.status == 1
    assert "does not work in" in answer.sentence and "begin a sweep" in answer.sentence
    assert cadc("page", "--watch", "a", "b").status == 2


def test_the_next_sweep_of_the_process_is_taken_up_and_a_failure_of_the_first_counts(tmp_path, monkeypatch):
    ledger = Ledger()
    for ended in (record("a", status="failed", reason="a NaN", metrics={}), record("b", status="pruned", metrics={})):
        ledger.path(ended["id"]).mkdir(parents=True)
        (ledger.path(ended["id"]) / "record.json").write_text(json.dumps(ended))
    one, other = SweepNotes(ledger, "first", RUNS[:1]), SweepNotes(ledger, "second", RUNS[1:2])
    one.work()
    watch = Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", lambda line: None, goes_on=True)
    assert watch.look() == ""
    one.end(is_over=True)
    assert watch.look() == "", "its process lives, and may go on"
    other.work()
    assert watch.look() == ""
    assert received(tmp_path / "page.live.js")["name"] == "second"
    other.end(is_over=True)
    monkeypatch.setattr("cadc.reporting.page.watch.BETWEEN", 0.0)
    assert watch.look() == "failed"
    # A sweep that is watched by its name ends alone.
    one.work()
    alone = Watch(ledger, sweep_to_watch(ledger, "first"), tmp_path / "page.html", "", lambda line: None)
    one.end(is_over=True)
    other.work()
    assert alone.look() == "failed"
    other.end(is_over=True)
