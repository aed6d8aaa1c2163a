"""Whether runs read the same content of a data set; those that did not must not stand side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cadc.errors import DataError, shown
from cadc.ledger.identity import recorded_data
from cadc.ledger.store import Record
from cadc.provenance.fingerprint import digest

Token = tuple[str, Any]

MAX_NAMED = 3
"""Arms that a message names for each content."""


def require_one_content(runs: Sequence[tuple[str, Record]], present: Sequence[Mapping[str, Any]] = ()) -> None:
    """Raise a DataError if runs of one data set read different contents of it.

    Runs that read and split a data set alike have the same content hash if its content is the same; under other seeds
    of the split the hashes of the raw files tell.

    Parameters
    ----------
    runs : arm and record of each run.
    present : parts `data` of the logs as they are now. A run on the same content read what is there now, whatever its
        files were called or packed into then.
    """
    for name in dict.fromkeys(record["data"]["name"] for _, record in runs):
        own = [(arm, record) for arm, record in runs if record["data"]["name"] == name]
        _require_one_hash(name, own)
        _require_one_set_of_files(name, own, [_tokens(data) for data in present if data["name"] == name])


def require_names_of_their_own(logs: Sequence[Mapping[str, Any]]) -> None:
    """Raise a DataError, before anything is run, if data sets of different files have one name.

    Parameters
    ----------
    logs : parts `data` of the logs that runs will read.
    """
    for name in dict.fromkeys(data["name"] for data in logs):
        own = [data for data in logs if data["name"] == name]
        groups = _groups(_tokens(data) for data in own)
        if len(groups) > 1:
            firsts = [next(data for data in own if _tokens(data) & group) for group in groups[:MAX_NAMED]]
            files = " and ".join(", ".join(shown(file, 42) for file in data["files"]) for data in firsts)
            raise DataError(
                f"{len(groups)} data sets have the name {shown(name)}, such as those of {files}; give each a data.name "
                "of its own, so that tables keep them apart."
            )


def content_labels(records: Sequence[Record]) -> dict[str, str]:
    """Return, by run, a label of the content that it read; empty if all runs of each data set read one content.

    Runs on the same files have one label, whatever the seed of their split, unless the same files came out differently.
    """
    try:
        require_one_content([(record["id"], record) for record in records])
        return {}
    except DataError:
        by_files: dict[str, list[Record]] = {}
        for record in records:
            files = sorted(map(str, record["data"].get("files", {}).values()))
            by_files.setdefault(digest([record["data"]["name"], files])[:8], []).append(record)
    labels: dict[str, str] = {}
    for label, own in by_files.items():
        try:
            _require_one_hash("", [(record["id"], record) for record in own])
            labels |= {record["id"]: label for record in own}
        except DataError:
            labels |= {record["id"]: record["data"]["content_hash"][:8] for record in own}
    return labels


def _require_one_hash(name: str, runs: Sequence[tuple[str, Record]]) -> None:
    found: dict[tuple[str, int], dict[str, list[tuple[str, Record]]]] = {}
    for arm, record in runs:
        key = recorded_data(record), record["config"]["data"]["split_seed"]
        found.setdefault(key, {}).setdefault(record["data"]["content_hash"], []).append((arm, record))
    for by_content in found.values():
        if len(by_content) > 1:
            raise _error(name, list(by_content.values()))


def _require_one_set_of_files(name: str, runs: Sequence[tuple[str, Record]], present: list[set[Token]]) -> None:
    groups = _groups([*present, *(_tokens(record["data"]) for _, record in runs)])
    used = [
        [(arm, record) for arm, record in runs if ("content", record["data"]["content_hash"]) in group]
        for group in groups
    ]
    used = [group for group in used if group]
    if len(used) > 1:
        raise _error(name, used)


def _groups(tokens: Iterable[set[Token]]) -> list[set[Token]]:
    """Return the tokens of each content."""
    groups: list[set[Token]] = []
    for own in tokens:
        touched = [group for group in groups if group & own]
        groups = [group for group in groups if not group & own] + [own.union(*touched)]
    return groups


def _tokens(data: Mapping[str, Any]) -> set[Token]:
    """Return what tells the content of a data set: two logs that share one of them have the same content."""
    files = data.get("files")
    return {("content", data["content_hash"])} | (
        set() if files is None else {("files", tuple(sorted(map(str, files.values()))))}
    )


def _error(name: str, groups: Sequence[Sequence[tuple[str, Record]]]) -> DataError:
    parts = []
    for group in groups:
        arms = list(dict.fromkeys(arm for arm, _ in group))
        more = f" and {len(arms) - MAX_NAMED} more" if len(arms) > MAX_NAMED else ""
        data = group[0][1]["data"]
        edition = f"{data['edition']}, " if data.get("edition") else ""
        named = ", ".join(shown(arm)[1:-1] for arm in arms[:MAX_NAMED])
        parts.append(f"{named}{more} read {data['content_hash'][:8]} ({edition}run {group[0][1]['id']})")
    return DataError(
        f"different contents of the data set {shown(name)[1:-1]} cannot stand side by side: {'; '.join(parts)}; "
        "run `cadc experiment` or `cadc train` again on the present data, or give contents that are meant to differ "
        "a data.name each."
    )
