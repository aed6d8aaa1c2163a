"""What users of Hydra write by habit works, or is answered with the command that does it."""

import pytest

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.configuration.hydra_habits import answer_command
from cadc.configuration.overrides import expand
from cadc.errors import UsageError
from tests.support.commands import TINY, cadc, runs


def message(do, *arguments):
    with pytest.raises(UsageError) as error:
        do(*arguments)
    return str(error.value)


@pytest.mark.parametrize("prefix", ["+", "++"])
def test_a_key_or_group_that_is_added_is_set(prefix):
    asked = ["model=dcn", "sampler.rate=0.1", "data/split=leave_one_out", "seed=3"]
    assert compose_config([f"{prefix}{text}" for text in asked]) == compose_config(asked)


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("~logger", "write logger=none, its default"),
        ("~views", "write views=[]"),
        ("~trainer.patience", "write trainer.patience=null where that is allowed"),
        ("hydra.sweep.dir=out", "CADC_RUNS=out before the command"),
        ("++hydra.run.dir=out", "CADC_RUNS=out"),
        ("hydra.sweep.subdir=x", "`cadc ledger list KEY=VALUE`"),
        ("hydra.job.chdir=true", "no run changes the working directory"),
        ("hydra.verbose=true", "--debug"),
        ("hydra.sweeper.n_trials=9", "tune.trials=9"),
        ("hydra/sweeper=ax", "`cadc tune`"),
        ("hydra/job_logging=none", "on standard error"),
        ("hydra.job.env_set.A=1", "leave it out"),
        ("experiment=quickstart", "`cadc experiment NAME`"),
        ("sampler.rate=interval(0.1,1)", "`cadc tune 'sampler.rate=interval(0.1,1)'`"),
    ],
)
def test_a_habit_is_answered_with_what_does_it(override, answer):
    assert answer in message(compose_config, [override])


def test_a_search_of_hydra_is_answered_with_the_whole_command():
    words = ["hydra/sweeper=optuna", "+hydra.sweeper.n_trials=20", "hydra.sweeper.n_jobs=4", "seed=1", "model=a,b"]
    command = "cadc tune tune.trials=20 tune.workers=4 hydra/launcher=joblib seed=1 model=a,b"
    assert message(answer_command, words).endswith(command)
    assert message(answer_command, ["seed=1", "hydra/sweeper/sampler=random"]).endswith(
        "cadc tune seed=1 tune.sampler=random"
    )


def test_an_experiment_is_answered_with_the_whole_command():
    said = message(answer_command, ["+experiment=quickstart", "seed=0,1", "data.path='a b'"])
    assert said.endswith("""cadc experiment quickstart seed=0,1 'data.path='"'"'a b'"'"''""")


def test_patterns_name_options_of_a_group():
    assert expand(["initializer=glob(mf*)"]) == [["initializer=mf"], ["initializer=mf_bias"]]
    others = [name for name in groups()["sampler"] if name not in ("uniform", "users")]
    assert expand(["sampler=glob(*,exclude=u*)"]) == [[f"sampler={name}"] for name in others]
    assert "matches no option; choose among" in message(expand, ["model=glob(x*y)"])
    assert "seed is not a group" in message(expand, ["seed=glob(*)"])


@pytest.mark.parametrize("override", ["model=choice(bias,label_mean)", "model=glob([bias,label*])"])
def test_sweeps_of_hydra_run(override):
    answer = cadc("train", "--multirun", *TINY, override)
    assert answer.status == 0, answer.err
    assert len(runs()) == 2
