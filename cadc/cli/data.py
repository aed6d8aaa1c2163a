"""`cadc data`: which data sets there are, where they are, whether they are whole, and what they hold."""

import argparse
from typing import Any

from cadc.errors import DataError, UsageError

HELP = "list, fetch, verify or describe data sets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of this command."""
    parser.add_argument("action", choices=["list", "fetch", "verify", "describe"])
    parser.add_argument("name", nargs="?", help="of a data set, as `cadc data list` shows them")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="for describe, such as data.threshold=3")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.overrides and arguments.action != "describe":
        raise UsageError(f"`cadc data {arguments.action}` takes no {arguments.overrides[0]!r}; only describe does.")
    if arguments.action == "list":
        _list()
    elif arguments.name is None:
        raise UsageError(f"`cadc data {arguments.action}` needs the name of a data set; `cadc data list` shows them.")
    elif arguments.action == "describe":
        _describe([f"data={arguments.name}", *arguments.overrides])
    else:
        source = _source([f"data={arguments.name}"])
        if not hasattr(source, "folder"):
            print(f"{source.name} is generated; there are no files.")
        elif arguments.action == "fetch":
            print(source.folder)
        else:
            _verify(source)
    return 0


def _source(words: list[str]) -> Any:
    from cadc.choices import source_options
    from cadc.components import build
    from cadc.config import compose_config

    return build(source_options(compose_config(words)), "data")


def _list() -> None:
    from cadc.config import groups
    from cadc.paths import cache_dir, data_dir

    for name in groups()["data"]:
        source = _source([f"data={name}"])
        if not hasattr(source, "files"):
            place = "generated"
        elif (local := data_dir()) is not None and (local / source.name).is_dir():
            place = str(local / source.name)
        elif (cache_dir() / "raw" / source.name).is_dir():
            place = str(cache_dir() / "raw" / source.name)
        else:
            place = f"to be fetched from {source.url}"
        print(f"{name:12} {place}")


def _verify(source: Any) -> None:
    known, fingerprint = source.known_hashes(), source.fingerprint()
    changed = []
    for name, found in fingerprint.items():
        state = "published" if known.get(name) == found else "differs" if name in known else "no published hash known"
        changed += [name] if state == "differs" else []
        print(f"{name:14} {found}  {state}")
    print(f"edition: {source.edition(fingerprint)}")
    if changed:
        raise DataError(
            f"{', '.join(changed)} in {source.folder} {'is' if len(changed) == 1 else 'are'} not the publisher's; "
            "runs on it are recorded as the edition 'local'."
        )


def _describe(words: list[str]) -> None:
    from cadc.config import compose_config
    from cadc.data.split import SPLITS
    from cadc.pipeline import open_log

    log = open_log(compose_config(words))
    meta = log.meta
    lines: list[str] = []  # printed together, or not at all where a column turns out damaged
    total = sum(meta["rows"].values())
    lines.append(f"{meta['name']} ({meta['edition']}), content {log.content_hash[:16]}")
    for split in SPLITS:
        rows = meta["rows"][split]
        lines.append(f"{split:11} {rows:>12,} rows, {100 * meta['positives'][split] / rows:5.1f} % positive")
    sides = [side for side in ("user", "item") if side in log.entities]
    counts = {side: len(log.entity_keys(side)) for side in sides}
    for side in sides:
        import numpy as np

        activity = np.bincount(log.column(side), minlength=counts[side] + 1)[1:]
        quartiles = np.percentile(activity[activity > 0], [5, 50, 95]).astype(int)
        cold = float((log.column(side, "test") >= log.schema[side].vocabulary_size).mean())
        lines.append(
            f"{side + 's':11} {counts[side]:>12,}, {int((activity > 0).sum()):,} with rows; rows of each "
            f"(5, 50, 95 %): {', '.join(map(str, quartiles))}; cold in {100 * cold:.2f} % of test rows"
        )
    if len(sides) == 2:
        lines.append(f"density     {total / (counts['user'] * counts['item']):>12.4%}")
    lines.append(
        "fields      "
        + ", ".join(f"{f.name} {f.vocabulary_size}{' (bag)' if f.bag else ''}" for f in log.schema.fields)
    )
    if log.schema.dense:
        lines.append("dense       " + ", ".join(log.schema.dense))
    print("\n".join(lines))
