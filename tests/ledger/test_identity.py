"""The id of a run: what gives two configurations the same id, and what tells them apart."""

import json

import pytest

from cadc.execution.jobs import plan
from cadc.ledger import identity
from cadc.ledger.identity import arm_signature, run_code, signature
from cadc.pipeline.settings import Settings
from cadc.provenance import fingerprint
from tests.support.commands import TINY, train
from tests.support.helpers import write_small_movielens


def run_id(*words):
    (job,) = plan([[*TINY, *words]])
    return job.run_id


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.accelerator=cpu"],
        ["trainer.progress=false"],
        ["logger=none"],
        ["logger=wandb", "logger.project=mine"],
        ["sampler.rate=1"],
        ["sampler.rate=1.0"],
        ["trainer.learning_rate=3e-3", "embedding.dim=16", "model.top_mlp=[128,64]"],
        ["initializer=random", "model=dlrm"],
        ["sample_seed=0", "weight_seed=0"],
        ["seed=9", "sample_seed=0", "weight_seed=0"],
        ["factorization.l2=1"],  # random tables read no factors
        ["data.n_users=60.0"],
    ],
    ids=" ".join,
)
def test_words_without_effect_leave_the_id(words):
    assert run_id(*words) == run_id()


STACK = ("model=stack", "views=[factorization]", "factorization_rows=complement", "sampler.rate=0.5")


def ids_of_ratings(folder, *words):
    """The ids on two tables of the same labels, of which one has ratings twice as high."""
    rows = [(row * 7 % 11, row * 5 % 13, row * 3 % 5 + 1) for row in range(300)]
    found = []
    for scale in (1, 2):
        path = folder / f"{scale}.csv"
        path.write_text("\n".join(["who,what,stars", *(f"{u},{i},{r * scale}" for u, i, r in rows)]) + "\n")
        columns = ["data.user=who", "data.item=what", "data.rating=stars", f"data.threshold={4 * scale}"]
        (job,) = plan([["data=table", f"data.path={path}", *columns, *words]])
        found.append(job.run_id)
    return found


def test_ratings_count_for_runs_that_may_read_them_alone(tmp_path):
    assert len(set(ids_of_ratings(tmp_path))) == 1
    assert len(set(ids_of_ratings(tmp_path, *STACK))) == 2
    assert run_id("data.ratings=true") == run_id()
    assert run_id("data.ratings=true", *STACK) != run_id(*STACK)


def test_the_id_of_a_run_that_may_read_ratings_follows_from_its_record():
    record = json.loads((train(*STACK, "data.ratings=true") / "record.json").read_text())
    assert identity.recorded_identity(record) == record["id"]
    changed = {**record, "data": {**record["data"], "rating_hash": "0" * 64}}
    assert identity.recorded_identity(changed) != record["id"]


@pytest.mark.parametrize(
    "word",
    [
        "seed=1",
        "sample_seed=1",
        "weight_seed=1",
        "sampler.rate=0.5",
        "data.split_seed=1",
        "data.seed=1",
        "data.n_rows=3001",
        "data.split.test=0.2",
        "initializer=mf",
        "initializer.freeze=true",
        "embedding.dim=8",
        "model=bias",
        "model.top_mlp=[64]",
        "trainer.learning_rate=0.002",
    ],
)
def test_words_with_an_effect_change_the_id(word):
    assert run_id(word) != run_id()


def test_each_of_them_changes_it_to_another():
    words = ["seed=1", "sample_seed=1", "weight_seed=1", "data.seed=1", "sampler.rate=0.5", "embedding.dim=8"]
    assert len({run_id(word) for word in words}) == len(words)


def test_options_of_the_factorisation_count_where_tables_start_from_it():
    assert run_id("initializer=mf", "factorization.l2=1") != run_id("initializer=mf")


def test_content_of_the_files_changes_the_id_but_not_what_was_asked_for(monkeypatch, tmp_path):
    words = ["data=ml-100k", "model=bias"]
    ids = []
    for seed in (0, 0, 1):
        write_small_movielens(tmp_path / f"{len(ids)}", seed)
        monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / f"{len(ids)}"))
        ids += [job.run_id for job in plan([words])]
    assert ids[0] == ids[1] != ids[2]
    assert len({signature(Settings.compose(words)) for _ in ids}) == 1


def test_seeds_of_folds_and_of_views_count_in_ids_and_not_in_arms():
    shared = ("sample_seed=0", "weight_seed=0", "factorization_rows=crossfit", "sampler.rate=1")
    for views in ("views=[statistics]", "views=[profile]"):
        words = [["model=stack", views, *shared, seed] for seed in ("seed=0", "seed=1")]
        assert len({run_id(*own) for own in words}) == 2
        assert len({arm_signature(Settings.compose([*TINY, *own])) for own in words}) == 1
    assert run_id("model=stack", "views=[statistics]", "seed=1", *shared[2:]) == run_id(
        "model=stack", "views=[statistics]", "seed=1", "factorization.seed=1", *shared[2:]
    )


def test_the_planned_id_is_that_of_the_record():
    assert train("model=bias").name == run_id("model=bias")


def test_the_signature_tells_the_same_configurations_apart_as_the_id():
    def asked(*words):
        return signature(Settings.compose([*TINY, *words]))

    assert asked("logger=none", "sampler.rate=1.0", "trainer.accelerator=cpu") == asked()
    assert len({asked(), asked("seed=1"), asked("sampler.rate=0.5"), asked("data.split_seed=1")}) == 4


def test_code_that_trains_runs_together_counts_for_runs_that_are_trained(monkeypatch):
    trained, fitted = (Settings.compose([*TINY, *words]) for words in ([], ["model=bias"]))
    before = run_code(trained), run_code(fitted)
    monkeypatch.setattr(identity, "FLEETS", "cadc.paths")
    assert (run_code(trained) == before[0], run_code(fitted) == before[1]) == (False, True)


@pytest.mark.parametrize("module", ["cadc.streams.policies.frequency", "cadc.streams.sizes", "cadc.pipeline.stream"])
def test_code_of_streams_counts_for_streams_alone(module, monkeypatch):
    words = ["data=ml-100k", "data/split=segments"]
    stream, whole = (Settings.compose([*words, *own]) for own in (["policy=frequency"], []))
    before = run_code(stream), run_code(whole)
    read = fingerprint._module

    def changed(name):
        return ("changed", read(name)[1]) if name == module else read(name)

    monkeypatch.setattr(fingerprint, "_module", changed)
    assert (run_code(stream) == before[0], run_code(whole) == before[1]) == (False, True)


def test_rows_that_a_factorisation_leaves_out_count_where_it_leaves_any_out():
    words = ["initializer=mf_bias", "initializer.freeze=true", "sampler.rate=0.5"]
    pair = "factorization_unit=pair"
    assert run_id(*words) == run_id(*words, pair)
    for rows in ("factorization_rows=complement", "factorization_rows=crossfit"):
        assert run_id(*words, rows) != run_id(*words, rows, pair)


def test_a_record_from_before_the_unit_was_chosen_left_out_pairs():
    words = ["initializer=mf_bias", "sampler.rate=0.5", "factorization_rows=complement", "factorization_unit=pair"]
    settings = Settings.compose(words)
    earlier = Settings.of({key: value for key, value in settings.config.items() if key != "factorization_unit"})
    assert signature(earlier) == signature(settings)
    assert earlier.left_out == "pair"
