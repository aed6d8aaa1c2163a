"""Everything that `cadc doctor` examines, one thing after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from cadc.diagnosis.exchange import check_exchange
from cadc.diagnosis.finding import Finding
from cadc.diagnosis.folders import check_folders
from cadc.diagnosis.machine import check_machine
from cadc.diagnosis.repetition import check_repetition
from cadc.diagnosis.room import check_room
from cadc.diagnosis.versions import check_versions
from cadc.errors import CadcError, one_line
from cadc.ledger.store import Ledger
from cadc.paths import runs_dir
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings


def examine(overrides: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what is found out about this machine, and about the run that overrides ask for, as it is found.

    The run itself is not started, its data neither fetched nor prepared, and nothing is left behind.

    Parameters
    ----------
    overrides : such as `data=ml-1m`, `sampler.rate=0.1`.

    Raises
    ------
    UsageError : for overrides that ask for no run.
    """
    settings = Settings.compose(overrides)
    examinations: dict[str, Callable[[], Iterable[Finding]]] = {
        "run": lambda: [check_run(settings)],
        "machine": lambda: check_machine(settings),
        "versions": check_versions,
        "folders": lambda: check_folders(settings.source),
        "room": lambda: check_room(settings, Ledger(runs_dir())),
        "exchange": lambda: [check_exchange()],
        "repetition": lambda: [check_repetition(overrides)],
    }
    for topic, findings in examinations.items():
        try:
            yield from findings()
        except (CadcError, OSError, RuntimeError) as error:
            yield Finding(topic, "wrong", f"it cannot be examined: {one_line(str(error))}")


def check_run(settings: Settings) -> Finding:
    """Return whether the choices of a run fit together, and this machine."""
    try:
        require_compatible(settings)
    except CadcError as error:
        return Finding("run", "wrong", one_line(str(error)))
    chosen = settings.config["choices"]
    return Finding("run", "ok", f"model={chosen['model']} on data={chosen['data']}; its choices fit together")
