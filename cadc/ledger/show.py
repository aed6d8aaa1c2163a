"""Shows one run: as text, or as JSON with all that is known of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import yaml

from cadc.ledger.progress import FIRST_COLUMNS, Progress
from cadc.ledger.safe_text import dumped, harmless, moment
from cadc.ledger.segment_lines import segment_lines
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger
from cadc.terminal.aligned import Column, aligned, terminal_width

SECTIONS = {"config": "configuration", "bytes": "bytes", "uses": "groups used"}
"""Headings of keys whose name does not explain them."""

HEAD = ("id", "schema_version", "status", "seed", "finished_at", "ended_at", "begun_at")
"""Keys that are shown in the first lines, or not at all."""

SEGMENTS = "segments"
"""Key of what a stream came to in each segment, which is shown as a table."""

LONGEST = 100
"""Most items of a list that are shown."""


class _Dumper(yaml.SafeDumper):
    """Writes YAML with each list on one line."""


_Dumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)
)


def as_text(ledger: Ledger, entry: Entry) -> Iterator[str]:
    """Yield a run as lines of text: its status, then each part of its record."""
    known = entry.known
    ended = next((text for key in ("finished_at", "ended_at") if (text := moment(known.get(key)))), "")
    begun = moment(known.get("begun_at"))
    when = f" {ended} UTC" if ended else f", begun {begun} UTC" if begun else ""
    yield f"run {harmless(entry.run_id, 80)}: {entry.status}{when}{', ' * bool(entry.state)}{entry.state}"
    folder = ledger.path(entry.run_id)
    if not entry.state:
        yield harmless(folder)
    if entry.progress is not None:
        yield entry.progress.text(entry.status == "running")
        if entry.progress.epochs:
            yield ""
            yield from epoch_lines(entry.progress)
    sections = {SECTIONS.get(key, key): value for key, value in known.items() if key not in HEAD}
    for name, value in sections.items():
        yield ""
        width = terminal_width()
        if name == SEGMENTS and (lines := segment_lines(known, width and width - 2)):
            yield name
            yield from (f"  {line}" for line in lines)
            continue
        if isinstance(value, Mapping | list) and value:
            yield harmless(name, 80)
            text = yaml.dump(_cut(value), Dumper=_Dumper, sort_keys=False, width=110)
            yield from (f"  {harmless(line, 4000)}" for line in text.splitlines())
        else:
            yield f"{harmless(name, 80)}: {harmless(value if value or value == 0 else 'none')}"


def as_json(entry: Entry) -> str:
    """Return all that is known of a run, with its status, as JSON."""
    lease: dict[str, Any] = {"lease": entry.state} if entry.state else {}
    if entry.progress is not None:
        lease["progress"] = asdict(entry.progress)
    return dumped({"id": entry.run_id, **entry.known, "status": entry.status, **lease})


def epoch_lines(progress: Progress) -> list[str]:
    """Return the finished epochs of a run as a table: steps and seconds so far, training loss, validation metrics."""
    names = dict.fromkeys([*FIRST_COLUMNS, *(name for row in progress.epochs for name in row)])
    columns = []
    for name in names:
        digits = {"epoch": 0, "step": 0, "seconds": 1}.get(name, 4)
        cells = [f"{row[name]:.{digits}f}" if name in row else "" for row in progress.epochs]
        columns.append(Column(harmless(name, 40), cells, is_number=True))
    return aligned(columns)[0]


def _cut(value: Any) -> Any:
    """Return a value with long texts and lists shortened."""
    if isinstance(value, Mapping):
        return {harmless(key, 200): _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        rest = [f"… ({len(value)} items)"] if len(value) > LONGEST else []
        return [_cut(item) for item in value[:LONGEST]] + rest
    if isinstance(value, str) or (isinstance(value, int) and abs(value) >= 10**30):
        return harmless(value, 500)
    return value
