"""The directive `experiment-times`: how long each experiment took, from the records that are committed."""

from pathlib import Path

from generated import add_directive, table
from sphinx.application import Sphinx

from cadc.execution.forecast import duration
from cadc.execution.recorded_costs import seconds_of_sweep
from cadc.experiment import load_experiment, names
from cadc.reporting.lookup import committed_records

RESULTS = Path(__file__).parents[2] / "results"


def times() -> dict[str, tuple[int, float, str]]:
    """Return the number of runs, the seconds of all together, and the processors of each experiment with records."""
    found = {}
    for name in names():
        if records := committed_records(RESULTS / name):
            machines = sorted({str(record["environment"].get("cpu")) for record in records})
            found[name] = (len(records), seconds_of_sweep(records), ", ".join(machines))
    return found


def markdown() -> str:
    """Return a table of all experiments with a grid."""
    known = times()
    rows = []
    for name in names():
        experiment = load_experiment(name)
        if experiment.analysis is None:
            n_runs, seconds, machine = known.get(name, (len(experiment.cells()), None, ""))
            time = duration(seconds) if seconds is not None else "no records are committed"
            rows.append((f"`{name}`", str(n_runs), time, machine))
    return table(("experiment", "runs", "time, one run after the other", "processor"), rows)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    return add_directive(app, "experiment-times", markdown)
