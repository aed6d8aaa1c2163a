"""`cadc train`: single runs, multiruns, what is skipped, and the dry run."""

import json
from pathlib import Path

import yaml

from cadc.ledger import Ledger
from cadc.pipeline import evaluate as cadc_evaluation
from tests.support.commands import TINY, cadc, closing, runs


def records(answer):
    """Return the records that a command names on standard output."""
    return [json.loads(Path(line).read_text()) for line in answer.out.splitlines() if line.endswith("record.json")]


def test_a_run_says_its_id_its_metrics_and_where_its_record_is():
    answer = cadc("train", *TINY)
    assert answer.status == 0
    (record,) = records(answer)
    (line,) = answer.err.splitlines()
    assert line.startswith(f"[1/1] {record['id']}")
    assert f"test/auc {record['metrics']['test/auc']:.4f}" in line
    assert f"test/logloss {record['metrics']['test/logloss']:.4f}" in line
    assert runs() == [record["id"]]
    # The same on standard output, in one line off a terminal; the path is last.
    shown, _ = answer.out.splitlines()
    assert shown.startswith(f"test/auc {record['metrics']['test/auc']:.4f}, test/logloss ")
    assert f", rows {record['rows']['kept']:,} of {record['rows']['full']:,}, " in shown
    assert answer.out.splitlines()[-1].endswith(f"{record['id']}/record.json")


def test_spellings_of_one_run_name_its_record_once():
    answer = cadc("train", "-m", *TINY, "model=bias", "sampler.rate=1,1.0", "seed=0,0")
    assert answer.status == 0
    assert len(records(answer)) == len(runs()) == 1


def test_the_same_words_again_run_nothing():
    first = cadc("train", *TINY, "model=bias")
    again = cadc("train", *TINY, "model=bias")
    assert again.status == 0
    assert again.out == first.out
    assert again.err.splitlines()[0].endswith("finished before, skipped")


def test_a_multirun_runs_every_combination():
    answer = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.5", "seed=0,1")
    assert answer.status == 0
    found = [(record["config"]["sampler"]["rate"], record["seed"]) for record in records(answer)]
    assert found == [(0.1, 0), (0.1, 1), (0.5, 0), (0.5, 1)]
    assert len(runs()) == 4
    assert closing(answer) == {"finished": 4}
    # Networks of so few rows may be no better than chance, which each of them says.
    said = [line.split()[0] for line in answer.err.splitlines()[:-1] if not line.startswith("run ")]
    assert said == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert "seed=0: test/auc" in answer.err
    assert "data=synthetic" not in answer.err  # words that all runs share are not repeated

    again = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.5", "seed=0,1")
    assert again.out == answer.out
    assert closing(again) == {"skipped": 4}
    assert again.err.count("finished before, skipped") == 4

    wider = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.2,0.5", "seed=1")
    assert closing(wider) == {"finished": 1, "skipped": 2}


def test_the_flag_may_stand_between_the_words():
    answer = cadc("train", *TINY, "-m", "model=bias,oracle")
    assert answer.status == 0, answer.err
    assert len(runs()) == 2


def test_one_value_is_a_multirun_of_one():
    answer = cadc("train", "-m", *TINY, "model=bias")
    assert answer.status == 0
    assert len(records(answer)) == 1


def test_a_failing_run_does_not_end_the_others():
    answer = cadc("train", "-m", *TINY, "trainer.learning_rate=1e30,0.003")
    assert answer.status == 1
    assert closing(answer) == {"finished": 1, "failed": 1}
    first, *_, last = answer.err.splitlines()
    assert "trainer.learning_rate=1e+30: failed: 300 scores of the validation part are NaN" in first
    assert "lower trainer.learning_rate (now 1e+30)" in first
    (record,) = records(answer)
    assert record["config"]["trainer"]["learning_rate"] == 0.003
    (failed,) = set(runs()) - {record["id"]}
    assert last.split()[:2] == [failed, "failed:"]


def test_a_failed_run_says_why_and_is_tried_again_on_request_only():
    words = ("train", *TINY, "trainer.learning_rate=1e30")
    first = cadc(*words)
    assert first.status == 1
    (run_id,) = runs()
    (path,) = (Ledger().path(run_id)).iterdir()
    record = json.loads(path.read_text())
    assert (record["id"], record["status"], record["metrics"]) == (run_id, "failed", {})
    assert first.sentence == f"cadc: {record['reason']}"
    assert run_id not in Ledger()
    assert Ledger().frame().empty
    before = path.stat()

    again = cadc(*words)
    assert again.status == 1
    assert all(part in again.sentence for part in (run_id, record["reason"], "--retry-failed"))
    sweep = cadc("train", "-m", *words[1:-1], "trainer.learning_rate=1e30,0.003")
    assert sweep.status == 1
    assert closing(sweep) == {"finished": 1, "failed before": 1}
    assert path.stat() == before
    shown = cadc(*words, "--dry-run").out.splitlines()[-1].split()
    assert shown[:2] == [run_id, "failed"]

    assert cadc(*words, "--retry-failed").sentence == first.sentence
    assert path.stat().st_mtime_ns != before.st_mtime_ns


def test_a_failed_run_that_succeeds_when_it_is_tried_again_is_finished(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cadc_evaluation, "score", lambda *_: (_ for _ in ()).throw(ZeroDivisionError("once")))
        assert cadc("train", *TINY, "model=bias").status == 1
    (run_id,) = runs()
    assert "ZeroDivisionError: once" in Ledger().record(run_id)["reason"]
    answer = cadc("train", *TINY, "model=bias", "--retry-failed")
    assert answer.status == 0
    assert [record["status"] for record in records(answer)] == ["finished"]
    assert "reason" not in records(answer)[0]
    assert runs() == [run_id]


def test_a_run_that_another_process_finishes_just_before_its_lease_is_free_is_not_run_again(monkeypatch):
    claim, seen = Ledger.claim, []

    def finished_meanwhile(ledger, run_id):
        if not seen:
            seen.append(run_id)
            assert cadc("train", *TINY, "model=bias").status == 0
            seen.append((ledger.path(run_id) / "record.json").stat())
        return claim(ledger, run_id)

    monkeypatch.setattr(Ledger, "claim", finished_meanwhile)
    answer = cadc("train", *TINY, "model=bias")
    assert answer.status == 0
    run_id, written = seen
    assert runs() == [run_id]
    assert (Ledger().path(run_id) / "record.json").stat() == written
    assert "finished meanwhile by another process" in answer.err


def test_what_blocks_one_run_does_not_end_the_others():
    blocked, broken = (cadc("train", *TINY, f"model={name}").out.splitlines()[-1] for name in ("bias", "oracle"))
    Path(blocked).unlink()
    Path(broken).write_text("{")
    answer = cadc("train", "-m", *TINY, "model=bias,oracle,dlrm")
    assert answer.status == 1
    assert closing(answer) == {"finished": 1, "failed": 2}
    assert f"{Path(blocked).parent} exists but has no record" in answer.err
    assert f"{broken} is not a record" in answer.err
    assert Path(broken).read_text() == "{"
    assert not list(Path(blocked).parents[1].glob(".*"))


def test_a_dry_run_shows_configuration_ids_and_states_and_runs_nothing():
    cadc("train", *TINY, "model=bias")
    (finished,) = runs()
    answer = cadc("train", "-m", *TINY, "model=bias,dlrm", "--dry-run")
    assert answer.status == 0
    assert answer.err == ""
    *shown, first, second = answer.out.splitlines()
    config = yaml.safe_load("\n".join(shown))
    assert config["data"]["n_rows"] == 3000
    assert config["sampler"]["rate"] == 1.0
    assert config["choices"]["model"] == "bias"
    assert first.split()[:2] == [finished, "finished"]
    assert "to run" in second
    assert second.endswith("model=dlrm")
    assert runs() == [finished]


def test_a_dry_run_in_an_empty_place_makes_no_ledger():
    assert cadc("train", *TINY, "--dry-run").status == 0
    assert runs() == []


def test_the_dry_run_foretells_the_id():
    foretold = cadc("train", *TINY, "model=bias", "--dry-run").out.splitlines()[-1].split()[0]
    cadc("train", *TINY, "model=bias")
    assert runs() == [foretold]
