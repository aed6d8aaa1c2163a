"""Small inputs that several tests share."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.ml_100k import GENRES
from cadc.data.sources.source import Source
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.factorization.factors import Factors

N_USERS, N_MOVIES, N_RATINGS = 40, 60, 2000
JOBS_100K = ("artist", "doctor", "engineer", "student", "writer")


def write_small_movielens(folder: Path, seed: int = 0) -> None:
    """Write made-up copies of ml-1m and ml-100k, a sub-folder each, with the quirks of the real files.

    40 users and 60 movies, of which the last is never rated, and 2000 ratings that follow tastes for genres.
    """
    rng = np.random.default_rng(seed)
    genres = [rng.choice(np.arange(1, 19), size=rng.integers(1, 4), replace=False) for _ in range(N_MOVIES)]
    taste = rng.normal(size=(N_USERS, 19))
    quality = rng.normal(scale=0.5, size=N_MOVIES)
    pairs = rng.permutation(N_USERS * (N_MOVIES - 1))[:N_RATINGS]
    users, movies = pairs // (N_MOVIES - 1), pairs % (N_MOVIES - 1)
    liking = np.array([taste[u, genres[m]].mean() + quality[m] for u, m in zip(users, movies, strict=True)])
    ratings = np.clip(np.round(3.6 + 1.2 * liking + 0.5 * rng.normal(size=N_RATINGS)), 1, 5).astype(int)
    times = 956_000_000 + rng.integers(10_000_000, size=N_RATINGS)
    genders = rng.choice(["F", "M"], size=N_USERS)
    ages = rng.integers(7, 74, size=N_USERS)
    zip_codes = [f"{code:05d}" for code in rng.choice([2139, 10001, 48067, 55117, 94110], size=N_USERS)]
    years = rng.integers(1930, 2000, size=N_MOVIES)
    titles = [f"Film {number}" for number in range(N_MOVIES)]
    titles[3], titles[4] = "Misérables: The Beginning, Les", "Movie (The) (Le Film)"
    movie_ids = 3 * np.arange(N_MOVIES) + 1

    def write(name: str, lines: list[str]) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="latin-1")

    rows = list(zip(users + 1, movie_ids[movies], ratings, times, strict=True))
    write("ml-1m/ratings.dat", ["::".join(map(str, row)) for row in rows])
    write(
        "ml-1m/users.dat",
        [f"{u + 1}::{genders[u]}::{ages[u] // 10 * 10}::{u % 7}::{zip_codes[u]}" for u in range(N_USERS)],
    )
    write(
        "ml-1m/movies.dat",
        [
            f"{movie_ids[m]}::{titles[m]} ({years[m]})::{'|'.join(GENRES[g] for g in genres[m])}"
            for m in range(N_MOVIES)
        ],
    )
    write("ml-100k/u.data", ["\t".join(map(str, row)) for row in rows])
    write(
        "ml-100k/u.user",
        [f"{u + 1}|{ages[u]}|{genders[u]}|{JOBS_100K[u % 5]}|{zip_codes[u]}" for u in range(N_USERS)],
    )
    write(
        "ml-100k/u.item",
        [
            "|".join(
                [
                    str(movie_ids[m]),
                    f"{titles[m]} ({years[m]})",
                    f"01-Jan-{years[m]}",
                    "",
                    "http://example.org",
                ]
                + [str(int(g in genres[m])) for g in range(19)]
            )
            for m in range(N_MOVIES)
        ],
    )


def replace_rows(path: Path, separator: str, rows: np.ndarray, change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite some lines of a raw file; `change` gets and returns the parts of a line."""
    lines = path.read_text(encoding="latin-1").splitlines()
    for row in rows:
        lines[row] = separator.join(change(lines[row].split(separator)))
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")


def small_synthetic_log(**options: Any) -> InteractionLog:
    """A generated log of 6000 rows, 60 users and 80 items, with bags, a context field and a dense feature."""
    sizes = {"n_rows": 6000, "n_users": 60, "n_items": 80}
    return prepare(Synthetic(**(sizes | options)), RandomSplit())


def random_factors(schema: Schema, fields: tuple[str, ...], dim: int = 3, seed: int = 0) -> Factors:
    """Made-up vectors and biases of some fields."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {name: schema[name].vocabulary_size for name in fields}
    vectors = {name: torch.randn(size, dim, generator=generator) for name, size in sizes.items()}
    return Factors(vectors, {name: torch.randn(size, generator=generator) for name, size in sizes.items()})


def decode(log: InteractionLog, rows: Tensor) -> dict[str, list[Any]]:
    """Raw values of a batch by field name, None for *unknown*; bags as sorted lists."""
    batch = log.gather(rows)
    raw: dict[str, list[Any]] = {}
    for column, field in enumerate(log.schema.single):
        values = [None, *log.vocabulary(field.name).tolist()]
        raw[field.name] = [values[number] for number in batch.ids[:, column].tolist()]
    for field in log.schema.bags:
        values = [None, *log.vocabulary(field.name).tolist()]
        bag = batch.bags[field.name]
        bounds = [*bag.offsets.tolist(), len(bag.values)]
        raw[field.name] = [
            sorted((values[number] for number in bag.values[first:last].tolist()), key=str)
            for first, last in pairwise(bounds)
        ]
    return raw


class ListSource(Source):
    """A data set given as lists: users with a gender, items with tags, and the hour of each row.

    Parameters
    ----------
    rows : (user, item, label, hour) each, users and items counted from 0.
    genders : of each user; an empty string is missing.
    tags : of each item.
    """

    name = "list"

    def __init__(self, rows: list[tuple], genders: list[str], tags: list[list[str]]) -> None:
        self.rows, self.genders, self.tags = rows, genders, tags

    def fingerprint(self) -> dict[str, str]:
        return {}

    def edition(self, fingerprint: dict[str, str]) -> str:
        return "generated"

    def read(self) -> RawLog:
        fields = (
            Field("user", "user"),
            Field("gender", "user"),
            Field("item", "item"),
            Field("tags", "item", bag=True),
            Field("hour", "context"),
        )
        offsets = np.cumsum([0, *map(len, self.tags)])
        bags = {"tags": RaggedValues(np.array([tag for tags in self.tags for tag in tags], dtype=str), offsets)}
        users = EntityTable(100 + np.arange(len(self.genders)), {"gender": np.array(self.genders)})
        items = EntityTable(200 + np.arange(len(self.tags)), {}, bags)
        user, item, label, hour = (np.array(column) for column in zip(*self.rows, strict=True))
        chunk = Chunk(
            label.astype(np.float32),
            {"user": user.astype(np.int32), "item": item.astype(np.int32)},
            {"hour": hour},
        )
        return RawLog(Schema(fields), {"user": users, "item": items}, [chunk])
