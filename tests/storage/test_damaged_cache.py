"""Whatever becomes of a file of the cache: it is noticed and made again, and the numbers are those of a sound cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cadc.data.sources.ml_1m import MovieLens1M
from cadc.ledger import Ledger
from cadc.storage import manifest
from cadc.storage.manifest import MANIFEST, fault, write_manifest
from cadc.storage.stage_cache import cached_folder
from tests.storage.corruptions import DAMAGES, snapshot
from tests.support.commands import cadc, folders
from tests.support.helpers import write_small_movielens

RUN = (
    "train",
    "data=ml-1m",
    "initializer=mf",
    "sampler=svp_cf",
    "sampler.rate=0.4",
    "sampler.epochs=2",
    "trainer.max_epochs=2",
)
"""A run that reads every kind of cached file: an archive, raw files, a prepared log, factors, and scores of rows."""
N_EACH = 50


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound cache, with the scores, hash and id of the run that filled it."""
    place = tmp_path_factory.mktemp("sound")
    write_small_movielens(place / "made")
    (place / "cache" / "downloads").mkdir(parents=True)
    with zipfile.ZipFile(place / "cache" / "downloads" / "ml-1m.zip", "w") as file:
        for name in MovieLens1M.files:
            file.write(place / "made" / "ml-1m" / name, f"ml-1m/{name}")
    with pytest.MonkeyPatch.context() as patch, folders(place / "cache", place / "runs"):
        patch.delenv("CADC_DATA_DIR", raising=False)
        published(patch, place)
        answer = cadc(*RUN)
        assert answer.status == 0, answer.err
        return place, result(place / "runs")


def published(patch, place):
    """Have the made-up archive count as the publisher's."""
    archive = (place / "cache" / "downloads" / "ml-1m.zip").read_bytes()
    patch.setattr(MovieLens1M, "checksum", f"sha256:{hashlib.sha256(archive).hexdigest()}")
    patch.setattr(MovieLens1M, "published_rows", 2000)
    patch.setattr(MovieLens1M, "url", "http://127.0.0.1:9/ml-1m.zip")


def result(runs: Path) -> tuple[object, ...]:
    """Return id, edition, content and metrics of the only run, and the bytes of its scores and weights."""
    (record,) = list(Ledger(runs))
    files = [(runs / record["id"] / name).read_bytes() for name in ("scores.parquet", "model.safetensors")]
    data = record["data"]
    return (record["id"], data["edition"], data["content_hash"], str(record["metrics"]), *files)


@pytest.fixture
def place(sound, tmp_path, monkeypatch):
    """A copy of the sound cache, and an empty ledger."""
    folder = tmp_path / "place"
    shutil.copytree(sound[0] / "cache", folder / "cache")
    monkeypatch.setenv("CADC_CACHE", str(folder / "cache"))
    monkeypatch.setenv("CADC_RUNS", str(folder / "runs"))
    published(monkeypatch, sound[0])
    return folder


def cached_files(cache: Path) -> list[str]:
    """Return the cached files that are checked by a manifest, and the manifests, relative to the cache, in order."""
    found = sorted(path for path in cache.glob("*/*/*") if path.is_file())
    assert {path.parts[-3] for path in found} == {"raw", "prepared", "factors", "scores"}
    return [str(path.relative_to(cache)) for path in found]


def test_all_kinds_of_files_are_in_the_cache(sound):
    names = {Path(name).name for name in cached_files(sound[0] / "cache")}
    columns = {f"{name}.npy" for name in ("label", "row", "time", "user", "item", "user_ids", "item_ids")}
    tables = {f"vocabulary_{name}.parquet" for name in ("user", "item", "year", "genre", "genres", "gender", "zip3")}
    tables |= {"entities_user.parquet", "entities_item.parquet"}
    bags = {"item_bag_genres.npy", "item_bag_genres_offsets.npy"}
    others = {"meta.json", "factors.safetensors", "cost.json", "scores.npy", *MovieLens1M.files, MANIFEST}
    assert columns | tables | bags | others <= names


def test_every_damage_of_every_file_is_found(sound, tmp_path):
    """50 of each kind of damage, spread over the files; found means by reading the folder once more."""
    rng = np.random.default_rng(0)
    names = cached_files(sound[0] / "cache")
    n_without_effect = 0
    for kind, damage in DAMAGES.items():
        for number in range(N_EACH):
            file = names[(number * 7 + len(kind)) % len(names)]
            source = (sound[0] / "cache" / file).parent
            entry = f"{source.parent.name}/{source.name}"
            copy = tmp_path / "a" / "b" / source.name
            shutil.copytree(source, copy)
            before = snapshot(copy)
            assert not fault(copy, entry)
            damage(copy / Path(file).name, rng)
            if snapshot(copy) == before:
                n_without_effect += 1
            else:
                assert fault(copy, entry), (kind, file)
            shutil.rmtree(copy)
    assert n_without_effect < 0.1 * N_EACH * len(DAMAGES), "or the damages are none"


def damage_and_run(place, sound, file, kind, seed):
    """Damage a file, repeat the run, and require that nothing but the report of it has changed."""
    path = place / "cache" / file
    before = snapshot(path.parent)
    DAMAGES[kind](path, np.random.default_rng([seed, *kind.encode()]))
    is_damaged = snapshot(path.parent) != before
    answer = cadc(*RUN)
    assert answer.status == 0, answer.err
    assert result(place / "runs") == sound[1]
    told = f"{path.parent} is damaged ("
    assert answer.err.count(told) == answer.err.count("and is made again") == is_damaged, answer.err
    entry = f"{path.parents[1].name}/{path.parent.name}"
    assert not fault(path.parent, entry)
    assert not list(place.rglob(".*")), "nothing is left over"


def cases(per_file):
    """Return names of files with a kind of damage: every file and every kind at least once."""
    kinds = list(DAMAGES)
    stages = {
        "prepared/*/label.npy": len(kinds),
        "prepared/*/*.npy": 12,
        "prepared/*/*.parquet": 12,
        "prepared/*/*.json": 2,
        "factors/*/*": 3,
        "scores/*/*": 3,
        "raw/*/*": 4,
    }
    number = 0
    for pattern, n_files in stages.items():
        for index in range(n_files):
            for _ in range(per_file):
                yield pattern, index, kinds[number % len(kinds)], number
                number += 1


@pytest.mark.parametrize(("pattern", "index", "kind", "seed"), cases(1))
def test_damage_is_said_and_changes_no_number(pattern, index, kind, seed, place, sound):
    files = sorted((place / "cache").glob(pattern))
    file = str(files[index % len(files)].relative_to(place / "cache"))
    damage_and_run(place, sound, file, kind, seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(N_EACH))
def test_fifty_damages_of_each_file_change_no_number(number, place, sound):
    """All files of the cache, one after the other, each with another damage for each of the 50 numbers."""
    kinds = list(DAMAGES)
    for index, file in enumerate(cached_files(sound[0] / "cache")):
        shutil.rmtree(place)
        shutil.copytree(sound[0] / "cache", place / "cache")
        damage_and_run(place, sound, file, kinds[(number + index) % len(kinds)], number)


@pytest.mark.parametrize("kind", ["flip_bit", "truncate", "empty", "zero_block", "extend"])
def test_a_damaged_archive_is_not_unpacked(kind, place):
    """Without a network it cannot be fetched again, and the sentence says what to do."""
    archive = place / "cache" / "downloads" / "ml-1m.zip"
    DAMAGES[kind](archive, np.random.default_rng(1))
    shutil.rmtree(place / "cache" / "raw")
    answer = cadc(*RUN)
    assert answer.status == 1
    assert "cannot be downloaded" in answer.err and "CADC_DATA_DIR" in answer.err
    assert not (place / "cache" / "raw" / "ml-1m").exists()


@pytest.mark.parametrize("kind", ["flip_bit", "truncate", "delete"])
def test_without_a_sound_archive_what_was_unpacked_counts_as_local_and_that_is_said(kind, place, sound):
    archive = place / "cache" / "downloads" / "ml-1m.zip"
    DAMAGES[kind](archive, np.random.default_rng(1))
    answer = cadc(*RUN)
    assert answer.err.count(f"{archive} is missing or damaged") == 1
    run_id, edition, *others = result(place / "runs")
    assert edition == "local"
    assert (run_id, *others) == (sound[1][0], *sound[1][2:])


def test_entries_whose_names_were_exchanged_are_made_again(place, sound):
    """Each is whole, but the factors of other rows."""
    answer = cadc(*RUN[:2], "initializer=mf", "sampler.rate=0.4", "factorization_rows=complement", *RUN[-1:])
    assert answer.status == 0, answer.err
    (first, second), aside = (place / "cache" / "factors").iterdir(), place / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    shutil.rmtree(place / "runs")
    answer = cadc(*RUN)
    assert "is that of 'factors/" in answer.err
    assert result(place / "runs") == sound[1]


def test_a_folder_of_an_earlier_version_is_made_again(place, sound):
    """It has no hashes, so nobody knows whether its files are what was written."""
    for path in (place / "cache").glob(f"*/*/{MANIFEST}"):
        path.unlink()
    answer = cadc(*RUN)
    assert answer.err.count(f"(it has no {MANIFEST}) and is made again") == 4
    assert result(place / "runs") == sound[1]


def test_a_cache_that_cannot_be_written_is_said_to_be_damaged_before(place, monkeypatch):
    label = next((place / "cache").glob("prepared/*/label.npy"))
    DAMAGES["flip_bit"](label, np.random.default_rng(0))

    def read_only(self, target):
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "rename", read_only)
    answer = cadc(*RUN)
    assert answer.status == 1
    assert f"{label.parent} is damaged (label.npy has other bytes" in answer.err
    assert "prepared data cannot be written to the cache" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads what nobody may read")
def test_a_file_that_may_not_be_read_is_made_again(place, sound):
    next((place / "cache").glob("prepared/*/label.npy")).chmod(0)
    answer = cadc(*RUN)
    assert "label.npy cannot be read: permission denied" in answer.err
    assert result(place / "runs") == sound[1]


def test_each_folder_is_hashed_once_in_a_process_and_once_more_if_it_changed(place, monkeypatch):
    hashed = []
    real = manifest._hash
    monkeypatch.setattr(manifest, "_hash", lambda file: hashed.append(file) or real(file))
    monkeypatch.setattr(manifest, "_whole", {})
    assert cadc(*RUN).status == 0
    files = [place / "cache" / name for name in cached_files(place / "cache") if not name.endswith(MANIFEST)]
    assert sorted(hashed) == sorted(files)
    assert cadc("data", "describe", "ml-1m", "--output", place / "out").status == 0
    assert len(hashed) == len(files)
    label = next(path for path in files if path.name == "label.npy")
    before = label.stat()
    content = label.read_bytes()
    label.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))
    answer = cadc("data", "describe", "ml-1m", "--output", place / "out")
    assert "label.npy has other bytes than were written" in answer.err
    assert answer.status == 0


def test_a_process_of_its_own_hashes_again(empty_cache):
    """A disk that loses bits leaves all times of a file as they are, so nothing is remembered on disk."""
    folder = cached_folder("factors", "key", lambda folder: (folder / "a").write_text("x"))
    script = (
        "from cadc.storage import manifest\nfrom cadc.storage.stage_cache import cached_folder\n"
        "real = manifest._hash\nmanifest._hash = lambda file: print(file.name) or real(file)\n"
        "cached_folder('factors', 'key', None)"
    )
    said = [subprocess.check_output([sys.executable, "-c", script], text=True) for _ in range(2)]
    assert said == ["a\n", "a\n"]
    assert sorted(path.name for path in folder.iterdir()) == ["a", MANIFEST]


NO_MANIFESTS = (
    *("", "{", "[]", "null", "[" * 100_000, "\0" * 100, "\ud800"),
    *('{"entry": "a/b"}', '{"entry": "a/b", "files": 3}', '{"entry": "a/b", "files": {"a": 1}}'),
    '{"entry": "a/b", "files": {"a": {"bytes": 1}}}',
)


@pytest.mark.parametrize("text", NO_MANIFESTS)
def test_a_manifest_that_is_none_makes_the_folder_damaged(text, tmp_path):
    (tmp_path / "a").write_text("x")
    write_manifest(tmp_path, "a/b")
    (tmp_path / MANIFEST).write_bytes(text.encode(errors="surrogatepass"))
    assert fault(tmp_path, "a/b") == f"{MANIFEST} is not what was written"
