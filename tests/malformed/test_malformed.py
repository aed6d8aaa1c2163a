"""Malformed inputs end in one sentence that names what is wrong, soon, and without a file written elsewhere."""

import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cadc.data.sources.ml_1m import MovieLens1M
from tests.malformed import Place, archives, new_rows, overrides, predict, raw_files, saved_runs
from tests.support.commands import cadc, folders, process, train
from tests.support.helpers import write_small_movielens
from tests.support.processes import Command

GENERATORS = (raw_files, archives, overrides, saved_runs, new_rows)
CASES = [case for generator in GENERATORS for case in generator.cases()]
SECONDS = 20
"""None may take longer, busy machines and first imports included; most take a tenth of a second."""


class TooLong(BaseException):
    """Not an Exception, so that no command turns it into a sentence."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Break off what takes longer, also a read that waits for ever."""

    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def sound(session_cache, tmp_path_factory) -> Place:
    """Sound raw files, two finished runs and the cache behind them; cases get copies."""
    place = tmp_path_factory.mktemp("sound")
    write_small_movielens(place / "data")
    with folders(place / "cache", place / "runs"):
        ids = {name: train(*run).name for name, run in saved_runs.RUNS.items()}
    return Place(place, **ids)


@pytest.fixture
def place(sound, tmp_path, monkeypatch) -> Place:
    """Empty folders of one case, which the environment names."""
    place = Place(tmp_path / "place", sound.bias, sound.dlrm)
    place.work.mkdir(parents=True)
    monkeypatch.chdir(place.work)
    monkeypatch.setenv("CADC_RUNS", str(place.runs))
    monkeypatch.setenv("CADC_CACHE", str(place.cache))
    monkeypatch.setattr(MovieLens1M, "checksum", MovieLens1M.checksum)
    return place


def fill(place: Place, sound: Place, needs: str, monkeypatch) -> None:
    """Copy what a case needs from the sound place."""
    if needs == "data":
        shutil.copytree(sound.data, place.data)
        monkeypatch.setenv("CADC_DATA_DIR", str(place.data))
    if needs == "runs":
        shutil.copytree(sound.runs, place.runs)
        shutil.copytree(sound.cache, place.cache)


def listing(place: Place) -> dict[str, str]:
    """Path and content of everything around the folders that commands may write to, and the names of the runs."""
    found = {}
    for path in sorted(place.root.parent.rglob("*")):
        if path.is_relative_to(place.cache) or (path.is_relative_to(place.runs) and path.parent != place.runs):
            continue
        is_file = path.is_file() and not path.is_symlink()
        found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else str(path.lstat().st_mode)
    return found


def leftovers(place: Place) -> list[str]:
    """Half-made folders, and results of stages, in cache and runs."""
    return sorted(
        str(path) for folder in (place.cache, place.runs) if folder.is_dir() for path in folder.rglob(".partial*")
    )


def require_sentence(status: int, out: str, err: str, named: str) -> None:
    """One line that says what is wrong, and nothing that looks like a result."""
    assert status in (1, 2), (status, out, err)
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("cadc: ")
    assert "Traceback" not in err
    assert "unexpected; --debug" not in err
    assert named in lines[0]
    assert len(lines[0]) < 1500
    assert lines[0].isprintable()
    assert out == ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_malformed_input_ends_in_one_sentence(case, place, sound, monkeypatch):
    fill(place, sound, case.needs, monkeypatch)
    command = case.spoil(place)
    before = listing(place)
    with limit(SECONDS):
        answer = cadc(*command)
    require_sentence(answer.status, answer.out, answer.err, case.named)
    assert listing(place) == before
    assert not leftovers(place)
    assert not any((place.cache / "raw").glob("*")), "an archive is unpacked whole or not at all"
    assert not place.ran.exists()


def test_there_are_enough_and_no_two_alike():
    assert len(CASES) >= 200
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("needs", ["data", "runs"])
def test_what_is_not_spoilt_is_accepted(needs, place, sound, monkeypatch):
    """Or the cases would fail for another reason than theirs."""
    fill(place, sound, needs, monkeypatch)
    commands = {
        "data": [["data", "describe", name] for name in raw_files.FILES],
        "runs": [predict(place, run) for run in (place.bias, place.dlrm)] + [["export", place.dlrm]],
    }
    for command in commands[needs]:
        answer = cadc(*command)
        assert answer.status == 0, answer.err


def test_a_sound_archive_is_unpacked(place):
    words = archives._spoil(archives.write_zip)(place)
    answer = cadc(*words)
    assert answer.status == 0, answer.err
    assert {path.name for path in Path(answer.out.strip()).iterdir()} == {*MovieLens1M.files, "manifest.json"}


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("started", "word 'seed=\\udcff\\udcfe' of 7"),
        ("forked", "users.dat: endless_device"),
        ("forked", "experiment: a billion laughs"),
        ("forked", "experiment: a tag that calls"),
        ("forked", "weights: a pickle of torch"),
    ],
)
def test_a_process_of_its_own_says_the_same(how, name, place, sound, monkeypatch, tmp_path_factory):
    """Also for bytes that are no text, and with a real standard error."""
    case = {case.name: case for case in CASES}[name]
    fill(place, sound, case.needs, monkeypatch)
    command = case.spoil(place)
    before = listing(place)
    if how == "started":
        answer = process(["-m", "cadc", *command], env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])})
    else:
        answer = Command(command, place.work, said=tmp_path_factory.mktemp("said")).answer()
    require_sentence(answer.status, answer.out, answer.err, case.named)
    assert listing(place) == before
    assert not place.ran.exists()
