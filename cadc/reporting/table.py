"""The table of an experiment: a row an arm, means and standard deviations over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.ledger.identity import arm_signature
from cadc.ledger.store import Record
from cadc.reporting.latex import latex

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


@dataclass(frozen=True)
class Point:
    """What a row of the table stands for: an arm at one point of its sweep.

    Parameters
    ----------
    arm : its name in the experiment.
    columns : that tell it apart, see `arm_columns`.
    records : of its runs, which differ in seeds alone.
    """

    arm: str
    columns: dict[str, Any]
    records: list[Record]


def points(runs: Sequence[tuple[str, Record]]) -> list[Point]:
    """Return the rows of the table of (arm, record) pairs, in the order in which the arms first appear."""
    groups: dict[str, dict[str, Record]] = {}
    rows: dict[str, dict[str, Any]] = {}
    arms: dict[str, str] = {}
    for arm, record in runs:
        key = f"{arm} {arm_signature(record['config'])}"
        arms[key] = arm
        rows.setdefault(key, arm_columns(arm, record))
        groups.setdefault(key, {})[record["id"]] = record
    _tell_apart(rows, {key: next(iter(records.values()))["config"] for key, records in groups.items()})
    return [Point(arms[key], rows[key], list(records.values())) for key, records in groups.items()]


def build_table(runs: Sequence[tuple[str, Record]]) -> pd.DataFrame:
    """Return the table of (arm, record) pairs, a row a point.

    `seeds` counts the runs behind a row; standard deviations are those of a sample (n - 1) and empty for one run.
    """
    table = []
    for point in points(runs):
        values = pd.json_normalize(point.records)
        table.append(
            {
                **point.columns,
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


def _tell_apart(rows: dict[str, dict[str, Any]], configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Add to the names of arms that no column tells apart the keys in which they differ."""
    same: dict[tuple[Any, ...], list[str]] = {}
    for key, row in rows.items():
        same.setdefault(tuple(row.values()), []).append(key)
    for keys in same.values():
        leaves = [_leaves(configs[key]) for key in keys]
        differing = [name for name in leaves[0] if len({str(options.get(name)) for options in leaves}) > 1]
        for key, options in zip(keys, leaves, strict=True):
            told = ", ".join(f"{name}={options.get(name)}" for name in differing if "seed" not in name)
            if told:
                rows[key]["arm"] += f" ({told})"


def _leaves(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def write_table(table: pd.DataFrame, folder: Path) -> None:
    """Write `table.csv`, `table.md` and `table.tex`; what is said of the whole table stands below it."""
    note = f"\n{table.attrs['note']}\n" if "note" in table.attrs else ""
    (folder / "table.csv").write_text(table.to_csv(index=False, lineterminator="\n"))
    (folder / "table.md").write_text(markdown(table) + note)
    (folder / "table.tex").write_text(latex(table))


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown, with numbers as they would stand in a paper."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    for row in table.to_dict("records"):
        lines.append("| " + " | ".join(_cell(str(name), value) for name, value in row.items()) + " |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if "_difference" in name:
        return f"{value:+.4f}"
    if name == "p_holm":
        return "<0.001" if value < 0.001 else f"{value:.3f}"
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
        *(["difference", "verdict"] if "verdict" in table else []),
    ):
        shown.add_column(name, justify="left" if name in ("arm", "verdict") else "right", no_wrap=name != "arm")
    for row in table.to_dict("records"):
        cells = {str(name): _cell(str(name), value) for name, value in row.items()}
        means = [cells[name] for name in ("seeds", "auc_mean", "auc_std", "logloss_mean", "logloss_std")]
        rows_kept, size = (f"{int(cells[name]):,}" if cells[name] else "" for name in ("rows_kept", "embedding_bytes"))
        rate = f"{100 * float(cells['rate']):g} %" if cells["rate"] else ""
        compared = [value for name, value in cells.items() if name.endswith("_difference") or name == "verdict"]
        shown.add_row(cells["arm"], rate, *means, rows_kept, f"{row['total_s_mean']:.1f}", size, *compared)
    console = Console(width=None if Console().is_terminal else 160 if "verdict" in table else 130)
    console.print(shown)
    if "note" in table.attrs:
        console.print(table.attrs["note"], markup=False, highlight=False)
