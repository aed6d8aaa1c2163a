"""Tasks on other processes and machines, by the launchers of Hydra: Ray, Slurm (submitit), joblib."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, UsageError
from cadc.paths import cache_dir, data_dir, runs_dir

LAUNCHER = "hydra/launcher"
OPTIONS = "hydra.launcher."

EXTRAS = {"ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm", "joblib": "joblib"}
"""What to install for a launcher: `pip install cadc[EXTRA]`."""


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words about runs, and those about the launcher (`hydra/launcher=…`, `hydra.launcher.…=…`).

    Raises
    ------
    UsageError : for options of a launcher that was not chosen, and words that would choose what is called.
    """
    launcher = [word for word in words if word.lstrip("+").startswith((f"{LAUNCHER}=", OPTIONS))]
    for word in launcher:
        if "_target_" in word or "${" in word:
            raise UsageError(f"{word!r} is not allowed; a launcher is chosen by its name.")
    chosen = [word.partition("=")[2] for word in launcher if word.startswith(f"{LAUNCHER}=")]
    if launcher and not chosen:
        raise UsageError(f"{launcher[0]!r} needs a launcher: add one of {_choices()}.")
    others = [word for word in words if word not in launcher]
    # Hydra's own default, which works here and now as well.
    return others, [] if chosen == ["basic"] else launcher


def _choices() -> str:
    return ", ".join(f"{LAUNCHER}={name}" for name in EXTRAS)


@dataclass(frozen=True)
class Places:
    """Where runs, caches and data lie; all machines that work together see the same folders."""

    variables: dict[str, str]
    folder: str

    @classmethod
    def here(cls) -> "Places":
        """Return those of this process, as absolute paths."""
        found = {"CADC_RUNS": str(runs_dir()), "CADC_CACHE": str(cache_dir())}
        if (data := data_dir()) is not None:
            found["CADC_DATA_DIR"] = str(data)
        if "CADC_LEASE_SECONDS" in os.environ:
            found["CADC_LEASE_SECONDS"] = os.environ["CADC_LEASE_SECONDS"]
        return cls(found, str(Path.cwd()))

    def go(self) -> None:
        """Make this process use them."""
        os.environ.update(self.variables)
        if Path(self.folder).is_dir():
            os.chdir(self.folder)


class Worker:
    """What a launcher calls on the other side: carries out the task whose number it is given.

    Parameters
    ----------
    tasks : callables without arguments, which can be pickled.
    places : folders to use.
    """

    def __init__(self, tasks: Sequence[Callable[[], Any]], places: Places) -> None:
        self.tasks = list(tasks)
        self.places = places

    def __call__(self, config: Any) -> tuple[str, Any]:
        """Return `("done", result)`, or `("failed", message, exit status)`: not every error can be pickled."""
        from hydra.core.global_hydra import GlobalHydra

        # What the launcher composed is done with; our configurations are composed anew.
        GlobalHydra.instance().clear()
        self.places.go()
        try:
            return "done", self.tasks[config["task"]]()
        except CadcError as error:
            return "failed", (str(error), error.exit_status)
        except KeyboardInterrupt:
            return "failed", (f"stopped on {platform.node()}", 1)
        except Exception as error:
            return "failed", (f"{type(error).__name__}: {error} (on {platform.node()})", 1)


def launch(tasks: Sequence[Callable[[], Any]], words: Sequence[str]) -> list[Any]:
    """Carry out tasks through a launcher, and return their results in order; a CadcError stands for one that failed.

    Parameters
    ----------
    tasks : callables without arguments, which can be pickled.
    words : `hydra/launcher=NAME` and options of the launcher.

    Raises
    ------
    UsageError : where there is no such launcher, or it is not installed, or does not know an option.
    """
    from hydra import initialize
    from hydra._internal.callbacks import Callbacks
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.errors import HydraException
    from hydra.types import HydraContext, RunMode
    from omegaconf.errors import OmegaConfBaseException

    ConfigStore.instance().store(name="cadc_tasks", node={"task": 0})
    logs = runs_dir() / ".launched" / f"{platform.node()}-{os.getpid()}"
    quiet = ["hydra/hydra_logging=none", "hydra/job_logging=none", "hydra.output_subdir=null"]
    with initialize(config_path=None, job_name="cadc", version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        try:
            config = hydra.config_loader.load_configuration(
                "cadc_tasks", [*quiet, f"hydra.sweep.dir='{logs}'", *words], RunMode.MULTIRUN
            )
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks()),
                task_function=Worker(tasks, Places.here()),
                config=config,
            )
        except (HydraException, OmegaConfBaseException, ImportError) as error:
            raise UsageError(_why(words, error)) from error
        returned = launcher.launch([[f"task={number}"] for number in range(len(tasks))], 0)
    results = [_result(answer.return_value) for answer in returned]
    if any(isinstance(result, CadcError) for result in results):
        print(f"the launcher's own logs are in {logs}", file=sys.stderr)
    else:
        shutil.rmtree(logs, ignore_errors=True)
        with suppress(OSError):  # others have theirs beside it
            logs.parent.rmdir()
    return results


def _result(returned: Any) -> Any:
    kind, value = returned
    if kind == "done":
        return value
    message, status = value
    return UsageError(message) if status == UsageError.exit_status else CadcError(message)


def _why(words: Sequence[str], error: Exception) -> str:
    (name,) = {word.partition("=")[2] for word in words if word.startswith(f"{LAUNCHER}=")} or {""}
    if name not in EXTRAS:
        return f"there is no launcher {name!r}; choose one of {_choices()}."
    if isinstance(error, ImportError) or f"launcher/{name}" in str(error):
        return f"{LAUNCHER}={name} is not installed; `pip install 'cadc[{EXTRAS[name]}]'` does so."
    return f"{LAUNCHER}={name}: {str(error).splitlines()[0]}"
