"""What the figures of streams draw: quality, bytes and regret by segment, and sizes against frequency."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

KIB = 1024


def stream_tables(
    segments: pd.DataFrame | None, sizes: pd.DataFrame | None, table: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Return what the figures of streams draw, by their kind; empty without streams.

    Arms share a panel if data, model and mean size agree. Of several mean sizes one is drawn, the middle of them; the
    figure of bytes has a line for each.

    Parameters
    ----------
    segments, sizes : as `segments_table` and `sizes_table` return them.
    table : of all arms; its column `rows_share` is drawn where there are several.
    """
    if segments is None:
        return {}
    middle = _middle(segments)
    shown = segments if middle is None else segments[segments["mean_size"] == middle]
    by_segment = _parts(shown)
    of_size = "" if middle is None else f"Rows have {middle:g} numbers on average."
    found = {"segments": _table(by_segment, segments.attrs["metrics"], of_size)}
    if "regret_mean" in shown:
        names = [name for name in ("regret", "regret_to_truth") if f"{name}_mean" in shown]
        found["regret"] = _table(by_segment, names, of_size)
    if "bytes" in segments:
        found["held"] = _held(segments)
    if sizes is not None:
        own = sizes if middle is None else sizes[sizes["mean_size"] == middle]
        parts = _parts(own.assign(size_mean=own["size"]))
        parts = parts.assign(part=parts["part"] + [f", {side}s" for side in own["side"]])
        found["sizes"] = _table(
            parts, ["size"], f"{of_size} At the end of the stream; a mark is a tenth of the users or items.".strip()
        )
    # Rows without a run that has a result are in the table alone.
    finished = table[table["seeds"] > 0] if table is not None else pd.DataFrame()
    if "rows_share" in finished and len(finished["rows_share"].dropna().unique()) > 1:
        shared = _parts(finished[finished["rows_share"].notna()])
        shared = shared.assign(rows_share=100 * shared["rows_share"].astype(float))
        found["split"] = _table(
            shared, finished.attrs["metrics"], "Tables have what rows of the log leave of the budget."
        )
    return found


def _middle(table: pd.DataFrame) -> float | None:
    """Return the middle of the mean sizes; None where there are none."""
    sizes = sorted(table["mean_size"].dropna().unique()) if "mean_size" in table else []
    return float(sizes[(len(sizes) - 1) // 2]) if sizes else None


def _parts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the column `part`, and names of arms without what the panel says."""
    several = len(table["model"].unique()) > 1
    parts = table["dataset"] + (", " + table["model"] if several else "")
    return table.assign(part=parts, arm=[_short(row) for row in table.to_dict("records")])


def _short(row: Mapping[Any, Any]) -> str:
    """Return the name of an arm without the model and the mean size that its panel shares."""
    told = {str(row.get("model")), *([f"mean size {row['mean_size']:g}"] if row.get("mean_size") is not None else [])}
    return ", ".join(part for part in str(row["arm"]).split(", ") if part not in told) or str(row["arm"])


def _held(segments: pd.DataFrame) -> pd.DataFrame:
    """Return bytes of tables and reservoir by segment: the mean of all arms of a mean size, which share a budget."""
    own = _parts(segments.sort_values("mean_size", kind="stable") if "mean_size" in segments else segments)
    sizes = own["mean_size"].map("mean size {:g}".format, na_action="ignore") if "mean_size" in own else own["arm"]
    keys = ["dataset", "part", "arm", "segment"]
    grouped = own.assign(arm=sizes).groupby(keys, sort=False, as_index=False)
    columns = [name for name in ("bytes", "reservoir_bytes") if name in own]
    mean = grouped[[*columns, "seeds"]].mean()
    mean = mean.assign(**{f"{name}_mean": mean[name] / KIB for name in columns})
    return _table(mean, columns, "All arms of a mean size, which share a budget, together.")


def _table(table: pd.DataFrame, metrics: Sequence[str], said: str) -> pd.DataFrame:
    drawn = table.assign(rate=float("nan")).reset_index(drop=True)
    drawn = drawn.assign(segment=drawn["segment"] + 1) if "segment" in drawn else drawn
    drawn.attrs |= {"metrics": tuple(metrics), "drawn": said}
    return drawn
