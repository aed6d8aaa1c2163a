"""Small made-up copies of the data sets, in the layouts of their publishers and with the quirks of the real files."""

import csv
from pathlib import Path

import numpy as np

N_USERS, N_MOVIES, N_RATINGS = 30, 25, 600
TITLES = ["Misérables, Les", 'Quoted "Film", The', "Plain", "Colon: A Story", "アニメ"]
GENRES = ["Drama", "Comedy", "Sci-Fi", "Film-Noir", "Children"]


def movies_and_ratings(seed: int = 0, top: int = 10) -> tuple[list[tuple], list[tuple]]:
    """Movies (id, title, year or None, genres) and ratings (user, movie, half stars or points, time)."""
    rng = np.random.default_rng(seed)
    movies = [
        (
            7 * number + 3,
            f"{TITLES[number % 5]} {number}",
            None if number == 4 else 1930 + number,
            [] if number == 6 else sorted(rng.choice(GENRES, size=1 + number % 3, replace=False).tolist()),
        )
        for number in range(N_MOVIES)
    ]
    # The last movie is never rated.
    pairs = rng.permutation(N_USERS * (N_MOVIES - 1))[:N_RATINGS]
    ratings = [
        (
            5 * int(pair // (N_MOVIES - 1)) + 2,
            movies[pair % (N_MOVIES - 1)][0],
            int(rng.integers(1, top + 1)),
            int(rng.integers(8e8, 12e8)),
        )
        for pair in pairs
    ]
    return movies, ratings


def title_of(title: str, year: int | None) -> str:
    return title if year is None else f"{title} ({year})"


def write_ml_10m(folder: Path) -> None:
    movies, ratings = movies_and_ratings()
    folder.mkdir(parents=True)
    lines = [f"{item}::{title_of(title, year)}::{'|'.join(genres)}" for item, title, year, genres in movies]
    (folder / "movies.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [f"{user}::{item}::{points / 2:g}::{time}" for user, item, points, time in ratings]
    (folder / "ratings.dat").write_text("\n".join(lines) + "\n")


def write_movielens_csv(folder: Path) -> None:
    movies, ratings = movies_and_ratings()
    folder.mkdir(parents=True)
    with (folder / "movies.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "title", "genres"])
        for item, title, year, genres in movies:
            writer.writerow([item, title_of(title, year), "|".join(genres) or "(no genres listed)"])
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        writer.writerows([user, item, points / 2, time] for user, item, points, time in ratings)


def write_movietweetings(folder: Path) -> None:
    movies, ratings = movies_and_ratings()
    folder.mkdir(parents=True)
    lines = [f"{item:07d}::{title_of(title, year)}::{'|'.join(genres)}" for item, title, year, genres in movies]
    (folder / "movies.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [f"{user}::{item:07d}::{points}::{time}" for user, item, points, time in ratings]
    (folder / "ratings.dat").write_text("\n".join(lines) + "\n")


def write_epinions(folder: Path, matrix: np.ndarray | None = None) -> np.ndarray:
    """Write the matrix, a made-up one with repeated pairs and items of two categories unless given, and return it."""
    from scipy.io import savemat

    if matrix is None:
        rng = np.random.default_rng(1)
        user, item = rng.integers(1, 20, 500), rng.integers(1, 40, 500)
        category = np.where(rng.random(500) < 0.2, 9, item % 5 + 1)
        columns = [user, item, category, rng.integers(1, 6, 500), rng.integers(0, 6, 500), rng.integers(1, 12, 500)]
        matrix = np.stack(columns, 1).astype(np.int32)
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "epinions_rating_with_timestamp.mat", {"rating": matrix})
    return matrix


def write_criteo(folder: Path, n_rows: int = 300) -> list[list[str]]:
    """Write `train.txt` with blanks, negative integers and rare categories, and return its rows."""
    rng = np.random.default_rng(2)
    rows = []
    for row in range(n_rows):
        integers = ["" if rng.random() < 0.2 else str(int(rng.integers(-3, 500))) for _ in range(13)]
        codes = (rng.zipf(1.5, size=26) % 1000 + 1000 * np.arange(26)).tolist()
        categories = ["" if rng.random() < 0.1 else f"{code:08x}" for code in codes]
        rows.append([str(row % 4 // 3), *integers, *categories])
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    return rows


def write_avazu(folder: Path, n_rows: int = 300) -> list[dict[str, str]]:
    """Write `train.csv` of some days around a new year, and return its rows."""
    from cadc.data.sources.avazu import CATEGORIES

    rng = np.random.default_rng(3)
    rows = []
    for row in range(n_rows):
        hour = f"{rng.choice(['141230', '141231', '150101'])}{rng.integers(24):02d}"
        values = {name: f"{code:08x}" for name, code in zip(CATEGORIES, rng.zipf(1.5, size=21) % 1000, strict=True)}
        rows.append({"id": f"1{row:019d}", "click": str(row % 5 // 4), "hour": hour, **values})
    folder.mkdir(parents=True)
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def write_bars_parts(folder: Path, columns: tuple[str, ...], n_rows: int = 900) -> None:
    """Write train.csv, valid.csv and test.csv in the layout of BARS: a label and categories as numbers."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(12, 5))
    values = rng.integers(12, size=(n_rows, len(columns)))
    logit = (taste[values[:, 0]] * taste[values[:, 1]]).sum(1)
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(int)
    lines = [",".join(map(str, row)) for row in np.column_stack([label, values + 100 * np.arange(len(columns))])]
    parts = {"train": lines[: n_rows * 7 // 10], "valid": lines[n_rows * 7 // 10 : -90], "test": lines[-90:]}
    for part, own in parts.items():
        (folder / f"{part}.csv").write_text("\n".join([",".join(["label", *columns]), *own]) + "\n")


def write_frappe_x1(folder: Path) -> None:
    context = ("daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")
    write_bars_parts(folder, ("user", "item", *context))


def write_movielenslatest_x1(folder: Path) -> None:
    write_bars_parts(folder, ("user_id", "item_id", "tag_id"))


def write_lightgcn_parts(folder: Path, n_users: int = 40, n_items: int = 60) -> None:
    """Write train.txt and test.txt in the layout of LightGCN's code; one user has no test item."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    taken = {user: rng.permutation(np.arange(user % 3, n_items, 3))[: 6 + user % 9].tolist() for user in range(n_users)}
    for part, of_user in (("train", lambda items: items[2:]), ("test", lambda items: items[:2])):
        lines = [
            " ".join(map(str, [user, *(of_user(items) if user or part == "train" else [])]))
            for user, items in taken.items()
        ]
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
