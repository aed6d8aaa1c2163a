"""What trials set: the default first, even points, nothing twice, the same in every process; bundles and conditions."""

import time
from collections import Counter

import pytest
import yaml

from cadc.errors import UsageError
from cadc.ledger import Ledger
from cadc.tuning.compose import check_space
from cadc.tuning.space import bundles, distributions
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import DEFAULT, Tuning
from cadc.tuning.work import VALIDATION, create_study
from tests.tuning.helpers import SMALL, look, tune

SPACE = """
architecture:
  choices:
    products: {model: dlrm_products}
    both: {model: dlrm, model.interaction: both}
    cross: {model: dcn}
plan:
  choices:
    constant: {}
    cosine: {trainer.schedule: cosine, trainer.max_epochs: 2, trainer.patience: null}
model:
  cross_layers: {choices: [1, 2]}
  top_mlp: {choices: [[8], [8, 4]]}
trainer.learning_rate: {low: 0.001, high: 0.01, log: true}
"""


def proposed(folder, n, **options):
    """Return what n trials set, none of which is run."""
    study, _ = create_study(Tuning(yaml.safe_load(SPACE), trials=n, **options), SMALL, Ledger(folder))
    found = []
    for _ in range(n):
        trial, lease = study.next()
        found.append((trial.number, study.tuning.overrides(study.frozen(trial))))
        study.tell(trial, values=[0.5 + 0.01 * trial.number])
        lease.release()
    return found


def test_the_first_trial_keeps_the_settings_as_they_stand(tmp_path):
    study = tune(tmp_path, "tune.trials=1", "trainer.learning_rate=0.004")
    (trial,) = study.study.trials
    assert study.tuning.overrides(trial) == []
    # It still tells the sampler where it is in the space.
    assert trial.params["trainer.learning_rate"] == 0.004
    (record,) = Ledger(tmp_path)
    assert record["config"]["trainer"]["learning_rate"] == 0.004


@pytest.mark.parametrize("bounds", ["low: 0.1, high: 9, log: true", "low: 1, high: 9, log: true", "low: 1, high: 9"])
def test_a_setting_outside_of_the_space_may_stand(bounds, tmp_path):
    space = {"trainer.weight_decay_mlp": yaml.safe_load(f"{{{bounds}}}")}
    study, _ = create_study(Tuning(space, trials=2), [*SMALL, "trainer.weight_decay_mlp=0"], Ledger(tmp_path))
    trial, lease = study.next()
    assert study.tuning.overrides(study.frozen(trial)) == []
    assert "trainer.weight_decay_mlp" not in study.frozen(trial).params
    lease.release()


def test_a_choice_sets_several_keys_and_options_of_other_components_are_left_out(tmp_path):
    found = [dict(text.split("=", 1) for text in overrides) for _, overrides in proposed(tmp_path, 13, startup=12)]
    assert found[0] == {}
    assert Counter(own["model"] for own in found[1:]) == {"dlrm_products": 4, "dlrm": 4, "dcn": 4}
    for own in found[1:]:
        assert ("model.cross_layers" in own) == (own["model"] == "dcn")
        assert ("model.interaction" in own) == (own["model"] == "dlrm")
        assert own.get("trainer.max_epochs") == ("2" if own.get("trainer.schedule") == "cosine" else None)
        assert own.get("model.top_mlp") in ([None] if own["model"] == "dcn" else ["[8]", "[8,4]"])
    assert Counter(own.get("trainer.schedule") for own in found[1:]) == {None: 6, "cosine": 6}


def test_two_studies_propose_the_same_also_after_tpe_took_over(tmp_path):
    assert proposed(tmp_path / "one", 14, startup=6) == proposed(tmp_path / "two", 14, startup=6)
    assert proposed(tmp_path / "one", 4, seed=1) != proposed(tmp_path / "two", 4, seed=2)


def test_processes_that_ask_in_turn_get_the_points_of_one_alone(tmp_path):
    alone = [overrides for _, overrides in proposed(tmp_path / "alone", 9)]
    studies = [
        create_study(Tuning(yaml.safe_load(SPACE), trials=9), SMALL, Ledger(tmp_path / "shared"))[0] for _ in range(3)
    ]
    held = [studies[number % 3].next() for number in range(9)]  # none has ended
    assert [studies[0].tuning.overrides(studies[0].frozen(trial)) for trial, _ in held] == alone


def test_an_enqueued_trial_that_a_killed_process_left_is_taken(tmp_path):
    study = look(tmp_path, "tune.trials=3")
    study.study.enqueue_trial({"trainer.learning_rate": 0.02}, user_attrs={})
    trial, lease = study.next()
    assert (trial.number, study.tuning.overrides(study.frozen(trial))) == (0, ["trainer.learning_rate=0.02"])
    lease.release()


def test_no_trial_begins_after_the_seconds_and_more_seconds_go_on(tmp_path):
    first = tune(tmp_path, "tune.seconds=0.001", "tune.trials=5")
    assert [DEFAULT in trial.user_attrs for trial in first.study.trials] == [True]
    assert (first.ended_by(), first.seconds()) == ("seconds", pytest.approx(_seconds(tmp_path)))
    more = tune(tmp_path, "tune.seconds=1000", "tune.trials=2")
    assert more.name == first.name
    assert (len(more.done()), more.ended_by()) == (2, "trials")


def _seconds(folder):
    return sum(record["cost"]["total_s"] for record in Ledger(folder))


def test_a_space_with_bundles_is_nested_like_the_configuration():
    space = yaml.safe_load(SPACE)
    assert list(distributions(space)["plan"].choices) == ["constant", "cosine"]
    assert bundles(space)["architecture"]["both"] == {"model": "dlrm", "model.interaction": "both"}
    assert bundles({"a": {"choices": {"x": {"trainer": {"patience": 1}}}}}) == {"a": {"x": {"trainer.patience": 1}}}


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("a: {choices: {x: 5}}", "tune.space.a.choices has 'x': 5; expected a name and what it sets"),
        ("a: {choices: {1: {seed: 5}}}", "tune.space.a.choices has 1"),
        ("a: {choices: {x: {}, y: {}}}", "which sets nothing"),
        ("{a: {choices: {x: {seed: 1}}}, seed: {low: 0, high: 3}}", "tune.space.a and tune.space.seed both set seed"),
        ("a: {choices: {x: {evaluate: test}}}", "trials only read validation data"),
        ("a: {choices: {x: {logger: wandb}}}", "tune.space sets 'logger', which a file may not set"),
        ("a: {choices: {x: {trainer._target_: os.system}}}", "which a file may not set"),
        ("a: {choices: {x: {trainer.patence: 2}}}", "tune.space.a: there is no key trainer.patence"),
        ("a: {choices: {x: {trainer.progress: true}, y: {}}}", "tune.space.a changes nothing"),
        ("{a: {choices: {x: {model: dcn}}}, model.cros_layers: {low: 1, high: 2}}", "no key model.cros_layers"),
    ],
)
def test_a_choice_that_is_not_understood_is_a_sentence(space, said):
    with pytest.raises(UsageError) as caught:
        check_space(Tuning(yaml.safe_load(space)), [*SMALL, VALIDATION])
    assert said in str(caught.value)


def test_a_study_needs_no_overrides_of_its_runs_to_be_looked_at(tmp_path):
    assert SharedStudy(Tuning({"seed": {"low": 0, "high": 9}}), "s", "hash", Ledger(tmp_path), 1).done() == []


def test_what_another_process_works_on_counts_for_the_seconds(tmp_path):
    first = look(tmp_path, "tune.trials=5", "tune.seconds=0.05")
    trial, lease = first.next()
    time.sleep(0.1)
    other = look(tmp_path, "tune.trials=5", "tune.seconds=0.05")
    assert other.next() is None
    assert other.others_work()
    first.tell(trial, 0.01, values=[0.5])
    lease.release()
    again = other.next()  # the trial took less, as its record counts
    assert again is not None
    again[1].release()
