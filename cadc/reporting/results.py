"""The results of an experiment: table, figure, the records behind them, and their provenance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from cadc import escape
from cadc.errors import CadcError, reason
from cadc.experiment import Experiment
from cadc.ledger.store import Ledger, Record
from cadc.reporting.columns import MISSING
from cadc.reporting.comparisons.columns import add_comparison, comparison_markdown
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.comparisons.kept import FILE as COMPARISON
from cadc.reporting.drawn.difference_panel import drawn_differences
from cadc.reporting.drawn.figure import ENDINGS, write_figure
from cadc.reporting.drawn.panels import STREAM_KINDS
from cadc.reporting.metric_values import FILE as COMPUTED
from cadc.reporting.metric_values import MetricValues, kept_metrics
from cadc.reporting.points import points
from cadc.reporting.provenance import provenance_of, write_provenance
from cadc.reporting.published import add_published
from cadc.reporting.records_file import PACKED, RECORDS, records_file
from cadc.reporting.saved import SavedRows
from cadc.reporting.seen import seen_lines
from cadc.reporting.selection import FILE as CHOICE
from cadc.reporting.selection import add_choice, choose, compare_choice
from cadc.reporting.strata import FILE as STRATA
from cadc.reporting.strata import strata
from cadc.reporting.streams.by_segment import SEGMENTS, SIZES, segments_table, sizes_table
from cadc.reporting.streams.drawn import stream_tables
from cadc.reporting.table import table_of, write_table
from cadc.reporting.tuning_time import add_tuning_time
from cadc.reporting.verdicts import FILE as VERDICTS
from cadc.reporting.verdicts import verdict_lines
from cadc.storage.csv_tables import csv_text
from cadc.storage.output_files import put_in_place, remove_output


def write_results(
    experiment: Experiment,
    runs: Sequence[tuple[str, Record]],
    folder: Path,
    command: str,
    ledger: Ledger | None = None,
    committed: Sequence[Path] = (),
    present: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """Write table, comparison, strata, figure, records and provenance of (arm, record) pairs; return the table.

    Parameters
    ----------
    experiment : the experiment.
    runs : arm and record of each run.
    folder : of the results.
    command : the command that writes them again.
    ledger : holds the runs' scores, for comparison, strata and metrics that records lack.
    committed : folders of results; what is kept there serves where the scores are gone.
    present : parts `data` of the logs as they are now, see `require_one_content`.

    Raises
    ------
    DataError : where runs read different contents of one data set.
    CadcError : where the folder cannot be written to, or arms cannot be compared with a reference.
    """
    rows = points(runs, present)
    values = MetricValues(SavedRows(ledger), kept_metrics(committed))
    table = table_of(rows, experiment.metrics, experiment.columns, values)
    table = add_published(table, experiment.published, rows)
    table = add_tuning_time(table, experiment.tuned, rows, experiment.tune)
    compared = compare_points(experiment.references, rows, ledger, committed)
    by_stratum = strata(rows, table.attrs["metrics"], ledger, committed)
    if compared is not None:
        table = add_comparison(table, compared, experiment.references)
    tested = None
    if experiment.choose is not None:
        choice = choose(experiment.choose, rows)
        tested = compare_choice(experiment.choose, choice, rows, ledger, committed)
        table = add_choice(table, experiment.choose, choice, rows, tested)
    segments, sizes = segments_table(rows, table.attrs["metrics"]), sizes_table(rows)
    streams = stream_tables(segments, sizes, table)
    differences = None if compared is None else drawn_differences(compared, experiment.figure_against)
    kept: list[tuple[str, pd.DataFrame | None, Callable[[pd.DataFrame], str] | None]] = [
        (COMPUTED, values.frame() if values.computed else None, None),
        (COMPARISON, compared, comparison_markdown),
        (STRATA, by_stratum, None),
        (SEGMENTS, segments, None),
        (SIZES, sizes, None),
        (CHOICE, tested, comparison_markdown),
    ]
    said = verdict_lines(experiment.references, rows, table, compared)
    table.attrs["verdicts"] = said
    table.attrs["seen"] = seen_lines(experiment.references, rows, table, compared)
    records = {record["id"]: record for _, record in runs if MISSING not in record}
    provenance = provenance_of(experiment, command) | {"runs": _ids_by_arm(runs)}
    if experiment.choose is not None:
        provenance["choose"] = asdict(experiment.choose)
    if experiment.published:
        provenance["published"] = [asdict(published) for published in experiment.published]
    if experiment.references:
        provenance["references"] = [asdict(reference) for reference in experiment.references]
    more_figures = [kind for kind in streams if kind != experiment.figure]
    kept_as, kept_records = records_file(records.values())

    def write(aside: Path) -> None:
        write_table(table, aside)
        for file, frame, text in kept:
            if frame is not None:
                (aside / file).write_text(csv_text(frame), encoding="utf-8")
                if text is not None:
                    (aside / file).with_suffix(".md").write_text(text(frame), encoding="utf-8")
        if said:
            lines = (f"- {escape.markdown(line)}\n" for line in said)
            (aside / VERDICTS).write_text("".join(lines), encoding="utf-8")
        write_figure(experiment.figure, experiment.title, table, aside, differences, streams)
        for kind in more_figures:
            write_figure(kind, experiment.title, table, aside, streams=streams, name=f"figure_{kind}")
        (aside / kept_as).write_bytes(kept_records)
        write_provenance(provenance, aside)

    try:
        put_in_place(folder, write)
        remove_output(folder / (RECORDS if kept_as == PACKED else PACKED))
        for file, frame, text in kept:
            if frame is None:
                # A file left over from other runs would seem to belong to this table.
                remove_output(folder / file)
            if frame is None or text is None:
                remove_output((folder / file).with_suffix(".md"))
        if not said:
            remove_output(folder / VERDICTS)
        for kind in STREAM_KINDS:
            for ending in ENDINGS if kind not in more_figures else ():
                remove_output(folder / f"figure_{kind}{ending}")
    except OSError as error:
        raise CadcError(
            f"results cannot be written to {folder} ({reason(error)}); make it writable or "
            "choose another with --output. The runs themselves are kept."
        ) from error
    return table


def _ids_by_arm(runs: Sequence[tuple[str, Record]]) -> dict[str, list[str]]:
    """Return the ids of runs with a result by arm; an arm without any has none."""
    ids: dict[str, list[str]] = {}
    for arm, record in runs:
        if record["id"] not in ids.setdefault(arm, []) and MISSING not in record:
            ids[arm].append(record["id"])
    return ids
