"""The results of one run, as lines that people and scripts read."""

from collections.abc import Iterator, Mapping
from typing import Any

from cadc.evaluation.prefixes import TEST


def result_lines(record: Mapping[str, Any], in_one: bool = False) -> Iterator[str]:
    """Yield a name and a number a line: metrics, rows, bytes and seconds of a run.

    Parameters
    ----------
    record : of a finished run. Metrics of validation are shown where the run has none of the test part.
    in_one : whether all stand in one line, for what reads line by line.

    Examples
    --------
    >>> record = {"metrics": {"test/auc": 0.62, "val/auc": 0.61}, "rows": {}, "bytes": {}, "cost": {"total_s": 0.64}}
    >>> for line in result_lines(record):
    ...     print(line)
    test/auc  0.6200
    seconds   0.6
    >>> list(result_lines(record, in_one=True))
    ['test/auc 0.6200, seconds 0.6']
    """
    metrics = record["metrics"]
    of_test = {name: value for name, value in metrics.items() if name.startswith(TEST)}
    shown = {name: f"{value:.4f}" for name, value in (of_test or metrics).items() if isinstance(value, float)}
    rows, size, seconds = record["rows"], record["bytes"].get("embedding"), record["cost"].get("total_s")
    if rows.get("kept") is not None and rows.get("full"):
        shown["rows"] = f"{rows['kept']:,} of {rows['full']:,}"
    if size:
        shown["table bytes"] = f"{size:,}"
    if seconds is not None:
        shown["seconds"] = f"{seconds:.1f}"
    if in_one:
        yield ", ".join(f"{name} {text}" for name, text in shown.items())
        return
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        yield f"{name:{width}}  {text}"
