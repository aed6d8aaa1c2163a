"""Which runs results cannot be made of by their records alone: they need saved scores or ranks that are gone."""

from collections.abc import Sequence
from pathlib import Path

from cadc.experiment import Experiment
from cadc.ledger.store import Ledger, Record
from cadc.reporting import strata
from cadc.reporting.columns import metrics_of
from cadc.reporting.comparisons import comparison
from cadc.reporting.metric_values import MetricValues, kept_metrics
from cadc.reporting.points import points
from cadc.reporting.saved import SavedRows
from cadc.reporting.selection import FILE as CHOICE
from cadc.reporting.selection import chosen_points


def runs_to_read(
    experiment: Experiment,
    runs: Sequence[tuple[str, Record]],
    ledger: Ledger,
    committed: Sequence[Path],
    are_all_done: bool = False,
) -> set[str]:
    """Return the ids of the runs whose saved rows are read for the results of an experiment, and that no ledger has.

    Metrics, comparisons and strata that are kept beside results stand for rows: a comparison of the same runs, the
    strata of the same runs of a point. So a point that goes on with other seeds, or that meets a new arm, needs them.

    Parameters
    ----------
    experiment : the experiment.
    runs : arm and record of each run; of those that are not carried out yet, see `cadc.reporting.missing.planned`.
    ledger : that may have saved rows.
    committed : folders of results.
    are_all_done : whether all runs were carried out, so that a point can be chosen among them.

    Raises
    ------
    DataError : where runs read different contents of one data set.
    CadcError : where a file beside results cannot be read, or was changed.
    """
    rows = points(runs)
    records = [record for row in rows for record in row.results]
    metrics = metrics_of(experiment.metrics, records)
    # A run that is to be carried out will have what is asked for.
    done = [record for record in records if record["metrics"]]
    values = MetricValues(SavedRows(ledger), kept_metrics(committed))
    found = values.runs_to_read(done, (*metrics, *experiment.columns))
    found |= comparison.runs_to_read(experiment.references, rows, ledger, committed)
    found |= strata.runs_to_read(rows, metrics, ledger, committed)
    if experiment.choose is not None and are_all_done:
        wanted = chosen_points(experiment.choose, rows)
        found |= comparison.runs_to_read(experiment.choose.references, wanted, ledger, committed, CHOICE)
    return found
