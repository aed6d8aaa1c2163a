"""`cadc ledger list` and `show`: every run in a line or in full, whatever state it is in."""

import json
import os
import subprocess
import sys
import time

import pytest

from cadc.cli import main
from cadc.ledger import Ledger
from cadc.ledger.status import entries_of
from tests.ledger.conftest import record
from tests.support.commands import TINY, cadc, train


def table(*words, status=0):
    """The whole list: a line of headings, a line a run, and a line that counts them."""
    answer = cadc("ledger", "list", *words)
    assert answer.status == status, answer.err
    return answer.out.splitlines()


def lines(*words, status=0):
    """The lines of the runs, and the line that counts them."""
    found = table(*words, status=status)
    return found[1:] if len(found) > 1 else found


def listed(*words, status=0):
    return {line.split()[0] for line in lines(*words, status=status)[:-1]}


def test_a_line_has_id_status_end_seconds_metrics_and_what_tells_runs_apart(looked_at):
    by_id = {line.split()[0]: line for line in lines()[:-1]}
    assert set(by_id) == set(looked_at.values())
    found = Ledger().record(looked_at["rate"])
    line = by_id[looked_at["rate"]]
    assert line.split()[1] == "finished"
    assert found["finished_at"][:16].replace("T", " ") in line
    head = table()[0]
    for name, value in {
        "seconds": f"{found['cost']['total_s']:.1f}",
        "test/auc": f"{found['metrics']['test/auc']:.4f}",
    }.items():
        end = head.index(name) + len(name)
        assert line[:end].endswith(f" {value}"), "numbers end below their heading"
    assert "model=dlrm" in line and line.endswith(" data=synthetic"), "what all agree in comes last"
    assert "sampler.rate=0.5" in line and "sampler.rate=1 " in by_id[looked_at["base"]] + " "
    assert "seed=1" in by_id[looked_at["seed"]]
    assert "data.n_rows=2000" in by_id[looked_at["smaller"]]
    assert "initializer=mf" in by_id[looked_at["enriched"]]


def test_options_that_all_runs_agree_in_or_that_a_run_does_not_use_are_left_out(looked_at):
    for line in lines()[:-1]:
        assert "embedding.dim" not in line
        assert "_target_" not in line
        if looked_at["bias"] in line:
            assert "model=bias" in line
            assert "sampler" not in line


def test_the_last_line_counts(looked_at):
    assert lines()[-1].startswith("6 runs: 6 finished in ")
    assert lines("seed=1")[-1].startswith("1 run: 1 finished in ")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["sampler.rate=0.5"], {"rate"}),
        (["sampler.rate=5e-1"], {"rate"}),
        (["sampler.rate=0.5,1", "seed=0", "model=dlrm"], {"base", "rate", "smaller", "enriched"}),
        (["model=bias"], {"bias"}),
        (["initializer.freeze=true"], {"enriched"}),
        (["finished", "data=synthetic", "data.n_rows=2000"], {"smaller"}),
        (["model.top_mlp=[128, 64]", "seed=1"], {"seed"}),
        (["sample_seed=null", "seed=1"], {"seed"}),
        (["failed"], set()),
        (["seed=7"], set()),
    ],
)
def test_words_choose_runs(looked_at, words, names):
    assert listed(*words) == {looked_at[name] for name in names}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sampler.rte=1", "did you mean sampler.rate"),
        ("finnished", "'finnished' is not a status; choose one of finished, failed"),
        ("metrics.test/auc=1", "no run has the key 'metrics.test/auc'"),
    ],
)
def test_a_word_that_nothing_has_is_refused(looked_at, word, said):
    answer = cadc("ledger", "list", word)
    assert answer.status == 2
    assert said in answer.sentence
    assert answer.out == ""


def test_an_empty_ledger_has_no_runs():
    assert lines() == [f"0 runs in {Ledger().folder}"]
    assert lines("sampler.rate=1", "finished") == lines()


def test_each_status_has_its_say(made_up):
    about = {"id": "dead", "config": record()["config"], "begun_at": "2026-01-02T03:04:05+00:00", "reason": "no room"}
    failed = record("bad", status="failed", reason="a NaN", metrics={}, ended_at="2026-01-03T00:00:00+00:00")
    del failed["finished_at"]
    ledger = made_up(record("good"), failed, record("cut", status="pruned", reason="others"), unfinished=[about])
    with ledger.claim("busy") as lease:
        ledger.begin(lease, about | {"id": "busy"})
        by_id = {line.split()[0]: line for line in lines()[:-1]}
        count = lines()[-1]
        assert listed("running") == {"busy"}
        assert f"process {os.getpid()} on" in by_id["busy"]
    assert "a NaN" in by_id["bad"] and "2026-01-03 00:00" in by_id["bad"]
    assert by_id["cut"].split()[1] == "pruned"
    assert by_id["dead"].split()[1] == "interrupted"
    assert "last sign of life" in by_id["dead"] and "no room" in by_id["dead"]
    assert "5 runs: 1 finished, 1 failed, 1 pruned, 1 running, 1 interrupted in" in count
    assert listed("interrupted", "failed", "running") == {"dead", "bad", "busy"}


def test_runs_stand_in_the_order_in_which_they_ended(made_up):
    days = {"a": 3, "b": 1, "c": 2}
    made_up(*(record(name, finished_at=f"2026-01-0{day}T00:00:00+00:00") for name, day in days.items()))
    assert [line.split()[0] for line in lines()[:-1]] == ["b", "c", "a"]


def test_a_damaged_record_is_a_line_and_an_exit_status(made_up):
    made_up(record("a"), "{", record("newer", schema_version=9), record("odd", status="happy"), record("z"))
    answer = cadc("ledger", "list")
    assert answer.status == 1
    assert answer.sentence == "cadc: 3 of 5 runs cannot be read; see the lines above."
    out = answer.out.splitlines()[1:]
    assert len(out) == 6
    by_id = {line.split()[0]: line for line in out[:-1]}
    assert "damaged" in by_id["x1"] and "is not a record" in by_id["x1"]
    assert "schema version 9, but this cadc reads" in by_id["newer"]
    assert "'happy'" in by_id["odd"]
    assert by_id["a"].split()[1] == by_id["z"].split()[1] == "finished"
    assert out[-1].startswith("5 runs: 2 finished, 3 damaged")


def test_records_of_the_first_schema_version_are_listed(made_up, old_records):
    made_up(*old_records, record("new"))
    assert listed() == {found["id"] for found in old_records} | {"new"}
    (line,) = lines(f"sampler.rate={old_records[0]['config']['sampler']['rate']}", "seed=0", "initializer=random")[:-1]
    assert "data=ml-1m" in line
    assert f"{old_records[0]['metrics']['test/auc']:.4f}" in line


def test_thousands_of_records_are_listed_quickly(made_up, old_records):
    base = old_records[0]
    made_up(*(base | {"id": f"{number:016x}", "config": base["config"] | {"seed": number}} for number in range(1000)))
    started = time.process_time()
    assert len(list(entries_of(Ledger()))) == 1000
    assert len(lines()) == 1001
    assert time.process_time() - started < 2  # measured: 0.5


def test_listing_loads_none_of_the_heavy_libraries(looked_at):
    code = (
        "import sys; from cadc.cli import main; main(['ledger', 'list']);"
        "print([name for name in ('torch', 'pandas', 'hydra', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_show_has_every_part_of_a_record(looked_at):
    answer = cadc("ledger", "show", looked_at["enriched"][:8])
    assert answer.status == 0, answer.err
    found = Ledger().record(looked_at["enriched"])
    out = answer.out.splitlines()
    assert out[0].startswith(f"run {looked_at['enriched']}: finished 20")
    heads = [line.split(":")[0] for line in out if line and not line.startswith(" ")]
    for head in ("configuration", "data", "code", "environment", "metrics", "cost", "bytes", "rows", "files"):
        assert head in heads
    assert "    top_mlp: [128, 64]" in out
    assert f"  test/auc: {found['metrics']['test/auc']!r}" in out
    assert f"  scores.parquet: {found['files']['scores.parquet']}" in out


def test_show_as_json_is_the_record(looked_at):
    answer = cadc("ledger", "show", "--json", looked_at["bias"])
    assert json.loads(answer.out) == Ledger().record(looked_at["bias"])


def test_show_tells_of_an_unfinished_run_what_is_known(made_up):
    about = {
        "id": "dead",
        "config": record()["config"],
        "overrides": ["seed=0"],
        "begun_at": "2026-01-02T03:04:05+00:00",
    }
    ledger = made_up(unfinished=[about])
    out = cadc("ledger", "show", "de").out
    assert out.startswith("run dead: interrupted, begun 2026-01-02 03:04 UTC, last sign of life")
    assert "rate: 1.0" in out
    with ledger.claim("dead"):
        assert (
            f"run dead: running, begun 2026-01-02 03:04 UTC, process {os.getpid()} on"
            in cadc("ledger", "show", "dead").out
        )
        assert json.loads(cadc("ledger", "show", "dead", "--json").out)["status"] == "running"


def test_show_tells_why_a_real_run_failed():
    assert cadc("train", *TINY, "trainer.learning_rate=1e30").status == 1
    (run_id,) = listed("failed")
    out = cadc("ledger", "show", run_id).out
    assert f"run {run_id}: failed" in out
    assert "reason: " in out and "lower trainer.learning_rate" in out
    assert cadc("ledger", "verify", run_id).status == 0


@pytest.mark.parametrize("action", ["show", "verify"])
def test_a_beginning_of_several_ids_names_them(made_up, action):
    made_up(record("abc1"), record("abc2", status="failed", reason="x"))
    answer = cadc("ledger", action, "abc")
    assert answer.status == 2
    assert "'abc' does not name one run in" in answer.sentence
    assert "2 ids start with it (abc1, abc2)" in answer.sentence


def test_a_full_id_wins_over_longer_ones(made_up):
    made_up(record("abc"), record("abcd"))
    assert cadc("ledger", "show", "abc").out.startswith("run abc: ")


@pytest.mark.parametrize("words", [["show"], ["show", "a", "b"], ["diff", "a"], ["export", "a.csv", "b.csv"]])
def test_a_wrong_number_of_words_is_a_sentence(made_up, words):
    made_up(record("a"), record("b"))
    answer = cadc("ledger", *words)
    assert answer.status == 2
    assert answer.sentence


@pytest.mark.parametrize("words", [["list", "--json"], ["list", "--status", "failed"], ["verify", "--json"]])
def test_an_option_of_another_action_is_refused(words):
    answer = cadc("ledger", *words)
    assert answer.status == 2
    assert f"`cadc ledger {words[0]}` does not have {words[1]}" in answer.sentence


def test_looking_changes_nothing(damaged):
    ledger, ids = damaged
    before = {path: path.stat().st_mtime_ns for path in ledger.folder.rglob("*")}
    for words in (["list"], ["show", ids["base"]], ["diff", ids["base"], ids["seed"]], ["verify"], ["export"]):
        assert cadc("ledger", *words).status == 0
    assert {path: path.stat().st_mtime_ns for path in ledger.folder.rglob("*")} == before


def test_a_new_run_is_listed_and_verified():
    run_id = train("model=bias").name
    assert listed() == {run_id}
    assert main(["ledger", "verify"]) == 0
