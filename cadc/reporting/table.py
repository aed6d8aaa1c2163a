"""The table of an experiment: a row an arm, means and standard deviations over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.ledger.store import Record

ARM_COLUMNS = [
    "dataset",
    "arm",
    "model",
    "factorization",
    "initializer",
    "freeze",
    "sampler",
    "rate",
    "embedding",
    "dim",
]
COLUMNS = [
    *ARM_COLUMNS,
    "seeds",
    "auc_mean",
    "auc_std",
    "logloss_mean",
    "logloss_std",
    "rows_kept",
    "total_s_mean",
    "embedding_bytes",
]
DECIMALS = {"auc_mean": 6, "auc_std": 6, "logloss_mean": 6, "logloss_std": 6, "total_s_mean": 2}


def arm_columns(arm: str, record: Record) -> dict[str, Any]:
    """Return the columns that tell arms apart; those that do not apply to a model are None."""
    config, choices, used = record["config"], record["config"]["choices"], record["uses"]
    trained = "trainer" in used
    return {
        "dataset": record["data"]["name"],
        "arm": arm,
        "model": choices["model"],
        "factorization": choices["factorization"] if "factorization" in used else None,
        "initializer": choices["initializer"] if trained else None,
        "freeze": config["initializer"].get("freeze") if trained else None,
        "sampler": choices["sampler"] if trained else None,
        "rate": config["sampler"].get("rate") if trained else None,
        "embedding": choices["embedding"] if trained else None,
        "dim": config["embedding"]["dim"] if trained else record["factor_dim"],
    }


def build_table(runs: Sequence[tuple[str, Record]]) -> pd.DataFrame:
    """Return the table of (arm, record) pairs, in the order in which the arms first appear.

    `seeds` counts the runs behind a row; standard deviations are those of a sample (n - 1) and empty for one run.
    """
    groups: dict[tuple[Any, ...], dict[str, Record]] = {}
    rows: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for arm, record in runs:
        columns = arm_columns(arm, record)
        key = tuple(columns.values())
        rows[key] = columns
        groups.setdefault(key, {})[record["id"]] = record
    table = []
    for key, records in groups.items():
        values = pd.json_normalize(list(records.values()))
        table.append(
            {
                **rows[key],
                "seeds": len(values),
                "auc_mean": values["metrics.test/auc"].mean(),
                "auc_std": values["metrics.test/auc"].std(ddof=1),
                "logloss_mean": values["metrics.test/logloss"].mean(),
                "logloss_std": values["metrics.test/logloss"].std(ddof=1),
                "rows_kept": values["rows.kept"].iloc[0],
                "total_s_mean": values["cost.total_s"].mean(),
                "embedding_bytes": values["bytes.embedding"].iloc[0],
            }
        )
    frame = pd.DataFrame(table, columns=COLUMNS).round(DECIMALS)
    whole = ["dim", "rows_kept", "embedding_bytes"]
    frame[whole] = frame[whole].astype("Int64")
    return frame


def write_table(table: pd.DataFrame, folder: Path) -> None:
    """Write `table.csv` and `table.md`."""
    (folder / "table.csv").write_text(table.to_csv(index=False, lineterminator="\n"))
    (folder / "table.md").write_text(markdown(table))


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown, with numbers as they would stand in a paper."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    for row in table.to_dict("records"):
        lines.append("| " + " | ".join(_cell(str(name), value) for name, value in row.items()) + " |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if name.startswith(("auc", "logloss")):
        return f"{value:.4f}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print the columns that matter most."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title)
    for name in (
        "arm",
        "rate",
        "seeds",
        "AUC",
        "± std",
        "logloss",
        "± std",
        "rows kept",
        "seconds",
        "table bytes",
    ):
        shown.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    for row in table.to_dict("records"):
        cells = {str(name): _cell(str(name), value) for name, value in row.items()}
        means = [cells[name] for name in ("seeds", "auc_mean", "auc_std", "logloss_mean", "logloss_std")]
        rows_kept, size = (f"{int(cells[name]):,}" if cells[name] else "" for name in ("rows_kept", "embedding_bytes"))
        rate = f"{100 * float(cells['rate']):g} %" if cells["rate"] else ""
        shown.add_row(cells["arm"], rate, *means, rows_kept, f"{row['total_s_mean']:.1f}", size)
    console = Console(width=None if Console().is_terminal else 110)
    console.print(shown)
