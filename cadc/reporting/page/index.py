"""The index of a folder of results: what each experiment asked and what came out, with links to its files."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from cadc import __version__
from cadc.errors import UsageError
from cadc.reporting.claims.written import PAGE as CLAIMS
from cadc.reporting.page.data import as_text, summary
from cadc.reporting.page.frame import STYLE, asset, policy
from cadc.reporting.page.source import TABLE, from_results
from cadc.reporting.provenance import PROVENANCE

TEMPLATE = "index.html.jinja"
SCRIPTS = ("base.js", "chart.js", "table.js", "index.js", "start.js")
"""Scripts of the index, which draws no charts and so carries none of those of others."""

FILES = {"page.html": "page", "table.md": "table", "table.csv": "CSV", "comparison.md": "comparisons"}
"""Files of an experiment that the index links to where they are there, and what the links say."""

FIGURES = ("figure.svg", "figure.png")


def result_folders(folder: Path) -> list[Path]:
    """Return the folders of results in a folder, by name.

    Raises
    ------
    UsageError : if there is none.
    """
    found = sorted(path.parent for path in folder.glob(f"*/{PROVENANCE}") if (path.parent / TABLE).is_file())
    if not found:
        raise UsageError(
            f"{folder} holds no results; name a folder such as results, whose sub-folders hold {TABLE} and "
            f"{PROVENANCE}."
        )
    return found


def index_html(folders: Sequence[Path], output: Path, command: str = "") -> str:
    """Return the index of folders of results as a page; its links are relative to where it is written.

    Parameters
    ----------
    folders : of one experiment each.
    output : file that it will be.
    command : that makes it.

    Raises
    ------
    CadcError : if results cannot be read, or do not belong together.
    """
    entries = [_entry(folder, output) for folder in folders]
    data = {
        "made": {"at": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__, "command": command},
        "experiments": [],
        "runs": {},
        "index": _table(entries),
        "names": [entry["name"] for entry in entries],
    }
    claims = folders[0].parent / CLAIMS
    scripts = [asset(name) for name in SCRIPTS]
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(asset(TEMPLATE))
    return template.render(
        made=data["made"],
        entries=entries,
        claims=_relative(claims, output) if claims.is_file() else None,
        json=as_text(data),
        style=asset(STYLE),
        scripts=scripts,
        policy=policy(scripts, has_figures=True),
    )


def _entry(folder: Path, output: Path) -> dict[str, Any]:
    """Return what the index says of one experiment."""
    source = from_results(folder)
    place = _relative(folder, output)
    here = [name for name in FILES if (folder / name).is_file()]
    table = source.table
    records = [record for point in source.points for record in point.records]
    return {
        "name": folder.name,
        "title": source.title or source.name,
        "claim": source.claim,
        "source": source.source,
        "summary": summary(source.comparison),
        "verdicts": list(source.verdicts),
        "command": source.command,
        "datasets": list(dict.fromkeys(map(str, table["dataset"]))) if "dataset" in table else [],
        "n_arms": int(table["arm"].nunique()) if "arm" in table else None,
        "n_runs": len(records) or None,
        "seconds": sum(float(record.get("cost", {}).get("total_s") or 0.0) for record in records) or None,
        "links": [{"text": FILES[name], "address": f"{place}/{name}"} for name in here],
        "figure": next((f"{place}/{name}" for name in FIGURES if (folder / name).is_file()), None),
    }


def _relative(path: Path, output: Path) -> str:
    """Return the address of a file or folder in a page."""
    return Path(os.path.relpath(path.absolute(), output.absolute().parent)).as_posix()


def _table(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kinds = {
        "title": ("experiment", "text"),
        "datasets": ("data", "text"),
        "n_arms": ("arms", "count"),
        "n_runs": ("runs", "count"),
        "seconds": ("seconds", "count"),
        "summary": ("verdicts", "text"),
    }
    columns = [{"name": name, "label": label, "kind": kind, "shown": True} for name, (label, kind) in kinds.items()]
    rows = [[_cell(entry[name]) for name in kinds] for entry in entries]
    return {"columns": columns, "rows": rows}


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
