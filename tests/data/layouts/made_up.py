"""Made-up samples in the layouts of other frameworks, and what a naive reader finds in them."""

from pathlib import Path

import numpy as np

PART_OF = {"train": 0, "validation": 1, "test": 2}
INTERACTIONS = "user_id:token\titem_id:token\trating:float\ttimestamp:float\tprice:float\tdevice:token"


def raw_rows(source):
    """All rows as tuples of part, label, user, item, context values in order and dense values."""
    raw = source.read()
    chunks = list(raw.chunks)
    rows = []
    for chunk in chunks:
        n_rows = len(chunk.label)
        parts = [None] * n_rows if chunk.part is None else chunk.part.tolist()
        ids = [raw.entities[side].keys[chunk.entities[side]].tolist() for side in raw.entities]
        context = [chunk.context[field.name].tolist() for field in raw.schema.of("context", bag=False)]
        dense = chunk.dense.T.tolist() if chunk.dense is not None else []
        rows += zip(parts, chunk.label.tolist(), *ids, *context, *dense, strict=True)
    return rows


def write_recbole(folder: Path, name: str = "shop", n_rows: int = 200, parts: tuple[str, ...] = ()) -> list[list[str]]:
    """Write interactions and features of items, one of which nobody has rated, and return the rows as texts."""
    rng = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        [
            f"u{rng.integers(12)}",
            f"{rng.integers(15):03d}",
            f"{rng.integers(1, 6)}",
            f"{880_000_000 + row}",
            f"{rng.random():.3f}",
            ["tv", "", 'a "big" phone'][row % 3],
        ]
        for row in range(n_rows)
    ]
    cuts = np.array_split(np.arange(n_rows), len(parts) or 1)
    for part, cut in zip(parts or ("",), cuts, strict=True):
        lines = [INTERACTIONS, *("\t".join(rows[row]) for row in cut)]
        (folder / f"{name}{part and '.'}{part}.inter").write_text("\n".join(lines) + "\n")
    items = ["item_id:token\ttitle:token_seq\tyear:token\tcost:float\tcode:float_seq"]
    items += [
        f"{item:03d}\tThe  {item} {'The' if item % 2 else ''} Film\t{1990 + item % 4}\t{item / 8}\t0.5 1"
        for item in range(16)
    ]
    (folder / f"{name}.item").write_text("\n".join(items) + "\n")
    return rows


def write_lightgcn(folder: Path, parts: tuple[str, ...] = ("train", "test"), n_users: int = 20) -> list[tuple]:
    """Write lines of users and items, some without items and some with blanks, and return (part, user, item)."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for part in parts:
        lines = []
        for user in range(n_users):
            items = rng.choice(30, size=rng.integers(0, 9), replace=False).tolist()
            rows += [(PART_OF["validation" if part == "valid" else part], user, item) for item in items]
            lines.append(" ".join(map(str, [user, *items])) + (" " if user % 5 == 0 else ""))
        (folder / f"{part}.txt").write_text("\n".join([*lines[:7], "", *lines[7:]]) + "\n")
    return rows


def write_libfm(folder: Path, negative: int = -1, n_rows: int = 120) -> list[tuple]:
    """Write a user, an item, a day and a price in each line, and return (part, label, user, item, day, price)."""
    rng = np.random.default_rng(6)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for part, place in PART_OF.items():
        lines = []
        for _ in range(n_rows if part == "train" else n_rows // 4):
            label, user, item = int(rng.integers(2)), int(rng.integers(9)), int(10 + rng.integers(12))
            day, price = int(30 + rng.integers(3)), float(rng.integers(1, 100)) / 8
            rows.append((place, float(label), user, item, day, price))
            lines.append(f"{label or negative} {user}:1 {item}:1.0 {day}:1 99:{price}")
        (folder / f"shop.{part}.libfm").write_text("\n".join(lines) + "\n")
    return rows
