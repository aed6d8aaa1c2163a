"""What users of Hydra write by habit, answered with what does the same here.

Hydra composes the configuration and parses overrides; cadc itself starts runs, names and keeps them, so that Hydra's
own settings (`hydra.…`) have nothing to act on, but for launchers.
"""

import shlex
from collections.abc import Mapping, Sequence

from cadc.configuration.groups import default_options
from cadc.errors import UsageError, shown

LEDGER = "runs lie in one folder under their ids: CADC_RUNS={value} before the command chooses it"
LOGS = "a command says what it does on standard error: `cadc … 2> {value}` keeps that"

ANSWERS = {
    "hydra.run.dir": LEDGER,
    "hydra.sweep.dir": LEDGER,
    "hydra.sweep.subdir": "runs lie under their ids, and `cadc ledger list KEY=VALUE` finds them",
    "hydra.output_subdir": "the record of each run holds its configuration: `cadc ledger show RUN`",
    "hydra.job.chdir": "no run changes the working directory",
    "hydra.job.name": "runs are named by ids, and `cadc ledger list KEY=VALUE` finds them",
    "hydra.verbose": "--debug shows the stack trace of an error",
    "hydra.mode": "-m runs all combinations of several values",
    "hydra/job_logging": LOGS.format(value="log.txt"),
    "hydra/hydra_logging": LOGS.format(value="log.txt"),
    "hydra.job_logging": LOGS.format(value="log.txt"),
    "hydra.searchpath": "@FILE.yaml reads overrides from a file, and an installed package with the entry point "
    "cadc.plugins adds options",
    "hydra.callbacks": "logger=NAME copies finished runs elsewhere, and the class of a plug-in may do more",
    "hydra.sweeper": "`cadc tune` searches with Optuna; tune.KEY=VALUE sets its options",
    "hydra/sweeper": "`cadc tune` searches with Optuna: `cadc tune KEY=VALUE … tune.trials=50`",
    "hydra.launcher": "hydra/launcher=NAME chooses a launcher in `cadc train -m`, `experiment` and `tune`",
    "hydra/launcher": "hydra/launcher=NAME chooses a launcher in `cadc train -m`, `experiment` and `tune`",
}
"""What does the same as a setting of Hydra, by the beginning of its key; `{value}` is what it was set to."""

OF_THE_SWEEPER = {
    "hydra.sweeper.n_trials": "tune.trials",
    "hydra.sweeper.n_jobs": "tune.workers",
    "hydra.sweeper.study_name": "tune.name",
    "hydra.sweeper.storage": "tune.storage",
    "hydra.sweeper.direction": "tune.direction",
    "hydra.sweeper.sampler.seed": "tune.seed",
    "hydra/sweeper/sampler": "tune.sampler",
}
"""Keys of `cadc tune` by those of Hydra's sweeper for Optuna."""

SWEEPER = ("hydra/sweeper=", "hydra/sweeper/", "hydra.sweeper.")
EXPERIMENT = "experiment="


def answer_command(overrides: Sequence[str]) -> None:
    """Raise a UsageError that names the command for overrides that ask for another one: a sweeper, or an experiment.

    Parameters
    ----------
    overrides : of `cadc train`.
    """
    plain = [text.lstrip("+") for text in overrides]
    if any(text.startswith(SWEEPER) for text in plain):
        words = [own for text in plain for own in _for_tune(text)]
        own = next(text for text in plain if text.startswith(SWEEPER))
        command = shlex.join(["cadc", "tune", *words])
        raise UsageError(f"{shown(own)} configures Hydra itself; here `cadc tune` searches: {command}")
    if named := [text.partition("=")[2] for text in plain if text.startswith(EXPERIMENT)]:
        others = [text for text in plain if not text.startswith(EXPERIMENT)]
        command = shlex.join(["cadc", "experiment", *named, *others])
        raise UsageError(f"an experiment is a command of its own, not a group of the configuration: {command}")


def _for_tune(text: str) -> list[str]:
    """Return what `cadc tune` takes in place of an override: nothing for settings that only a sweeper has."""
    key, _, value = text.partition("=")
    if key in OF_THE_SWEEPER:
        own = [f"{OF_THE_SWEEPER[key]}={value}"]
        return [*own, "hydra/launcher=joblib"] if key.endswith("n_jobs") and value != "1" else own
    if key.startswith("hydra.sweeper.params."):
        return [f"{key.removeprefix('hydra.sweeper.params.')}={value}"]
    return [] if text.startswith(SWEEPER) else [text]


def answer_to(key: str, text: str, value: str) -> str:
    """Return the message about an override of Hydra's own settings.

    Parameters
    ----------
    key, value : what is set, and to what.
    text : the override as it was given.

    >>> answer_to("hydra.verbose", "hydra.verbose=true", "true")
    "'hydra.verbose=true' configures Hydra itself; --debug shows the stack trace of an error."
    """
    if key in OF_THE_SWEEPER:
        return f"{shown(text)} configures Hydra itself; `cadc tune` searches, and takes {OF_THE_SWEEPER[key]}={value}."
    known = [own for own in ANSWERS if key == own or key.startswith((f"{own}.", f"{own}/"))]
    if known:
        answer = ANSWERS[max(known, key=len)].format(value=value or "FOLDER")
        return f"{shown(text)} configures Hydra itself; {answer}."
    return f"{shown(text)} configures Hydra itself, which starts nothing here; leave it out."


def answer_to_experiment(text: str) -> str:
    """Return the message about an override such as `experiment=NAME`, by which configurations of Hydra are named."""
    return f"{shown(text)} is no key: an experiment is a command, `cadc experiment NAME`; @FILE.yaml reads overrides."


def answer_to_deletion(key: str, text: str) -> str:
    """Return the message about an override such as `~logger`, which deletes a group or a key."""
    defaults: Mapping[str, str] = default_options()
    if key in defaults:
        return f"{shown(text)} deletes a group, but a run needs each; write {key}={defaults[key]}, its default."
    return (
        f"{shown(text)} deletes a key, but a run needs each; leave it out for the value of the option, or write "
        f"{key}=null where that is allowed."
    )
