"""An archive that anyone may have written: nothing leaves the ledger, nothing false gets in, no bomb unfolds."""

import hashlib
import json
import stat
import zipfile
from pathlib import Path

import pytest

from cadc.ledger import Ledger
from cadc.ledger.record_hash import sealed
from tests.malformed.archives import patch
from tests.support.commands import cadc


@pytest.fixture
def entries(packed_once):
    """The entries of a sound archive, and its index."""
    with zipfile.ZipFile(packed_once[0]) as file:
        found = {name: file.read(name) for name in file.namelist()}
    return found, json.loads(found.pop("part.json"))


def write(path, entries, index, mode=0o644 | stat.S_IFREG, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in [*entries.items(), ("part.json", json.dumps(index).encode())]:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            file.writestr(info, content, compression)
    return path


def add(entries, content):
    """Add a piece; return its name in the index."""
    name = hashlib.sha256(content).hexdigest()
    entries[f"pieces/{name}"] = content
    return name


def record_of(entries, index, run):
    return json.loads(b"".join(entries[f"pieces/{piece}"] for piece in index["runs"][run]["record.json"]))


def with_record(entries, index, run, edit):
    """Put an edited record into the archive, sealed as one who knows how records are written would."""
    record = record_of(entries, index, run)
    edit(record)
    record = sealed(record)
    index["runs"][run]["record.json"] = [add(entries, json.dumps(record, indent=1).encode())]


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "pieces/../../evil", "pieces/evil", "record.json", "C:evil", "pieces/" + "0" * 63 + "\n"],
)
def test_entries_of_other_names_are_refused(entries, tmp_path, name):
    found, index = entries
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found | {name: b"evil"}, index))
    assert answer.status == 1
    assert "which is no piece of a run; ask for the file anew" in answer.sentence
    assert not Ledger().folder.exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda runs, run: runs.update({"../../evil": runs.pop(run)}), "is not the id of a run"),
        (lambda runs, run: runs.update({".unfinished": runs.pop(run)}), "is not the id of a run"),
        (lambda runs, run: runs[run].update({"../evil": []}), "is not a file of a run"),
        (lambda runs, run: runs[run].update({"model.pkl": []}), "is not a file of a run"),
        (lambda runs, run: runs[run].pop("record.json"), "without record.json"),
        (lambda runs, run: runs[run].update({"metrics.csv": ["0" * 64]}), "it lacks pieces of metrics.csv"),
        (lambda runs, run: runs[run].update({"metrics.csv": [["0" * 64]]}), "it lacks pieces of metrics.csv"),
        (lambda runs, run: runs[run].update({"scores.parquet": 30_000 * runs[run]["record.json"]}), "500-fold"),
        (lambda runs, run: runs[run].update({"metrics.csv": 100_000 * runs[run]["record.json"]}), "more than 67108864"),
    ],
)
def test_an_index_that_leads_elsewhere_or_is_a_bomb_is_refused(entries, tmp_path, edit, said):
    found, index = entries
    edit(index["runs"], next(iter(index["runs"])))
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found, index))
    assert answer.status == 1
    assert said in answer.sentence
    assert not Ledger().folder.exists()


@pytest.mark.parametrize("index", [[], {"format": 2, "runs": {}}, {"format": 1, "runs": []}, {"format": 1}, "x"])
def test_other_formats_are_refused(entries, tmp_path, index):
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", entries[0], index))
    assert answer.status == 1
    assert "part.json" in answer.sentence


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR])
def test_links_and_devices_are_refused(entries, tmp_path, kind):
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", *entries, mode=kind | 0o777))
    assert "a link or a device" in answer.sentence
    assert not Ledger().folder.exists()


def test_bombs_encrypted_and_otherwise_compressed_entries_are_refused(entries, tmp_path):
    found, index = entries
    path = tmp_path / "p.zip"
    answer = cadc("ledger", "unpack", write(path, found, index, compression=zipfile.ZIP_LZMA))
    assert "in another compression than deflate" in answer.sentence
    patch(write(path, found, index), flags=1)
    assert "encrypted" in cadc("ledger", "unpack", path).sentence
    add(found, bytes(65 << 20))
    assert "more than a piece may have" in cadc("ledger", "unpack", write(path, found, index)).sentence
    path.write_text("no archive")
    assert "it is not a ZIP archive" in cadc("ledger", "unpack", path).sentence


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_wrong_size_is_noticed(entries, tmp_path, size):
    path = write(tmp_path / "p.zip", *entries, compression=zipfile.ZIP_STORED)
    patch(path, size=size)
    answer = cadc("ledger", "unpack", path)
    assert answer.status == 1
    assert "size" in answer.out + answer.err or "CRC" in answer.out + answer.err


def test_a_changed_byte_is_noticed_and_other_runs_are_unpacked(entries, tmp_path, real_once):
    found, index = entries
    run = real_once[1]["base"]
    (piece,) = set(index["runs"][run]["metrics.csv"])
    found[f"pieces/{piece}"] = found[f"pieces/{piece}"].replace(b"0", b"1")
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found, index))
    assert answer.status == 1
    assert f"metrics.csv of run {run} has changed: the SHA-256 of a piece differs from its name" in answer.out
    assert "1 run not unpacked, see the lines above; 5 runs unpacked" in answer.sentence
    assert run not in Ledger().names()
    assert not (Ledger().folder / ".unfinished").exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda record: record["metrics"].update({"test/auc": 0.99}), "test/auc"),
        (lambda record: record["config"]["sampler"].update(rate=0.01), "its id does not follow from"),
        (lambda record: record["files"].pop("metrics.csv"), "its record names no metrics.csv"),
        (lambda record: record["files"].update({"evil.py": "0" * 64}), "it was packed without evil.py"),
        (lambda record: record["files"].update({"scores.parquet": "0" * 64}), "scores.parquet has changed"),
        (lambda record: record.update(id="0" * 16), "is the record of another run"),
        (lambda record: record.update(status="running"), "is not a record that cadc wrote"),
        (lambda record: record.update(schema_version=99), "schema version"),
    ],
)
def test_records_that_were_forged_with_new_hashes_do_not_get_in(entries, tmp_path, real_once, edit, said):
    found, index = entries
    run = real_once[1]["base"]
    with_record(found, index, run, edit)
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found, index))
    assert answer.status == 1
    assert said in answer.out
    assert run not in Ledger().names()


def test_a_record_without_its_own_hash_does_not_get_in(entries, tmp_path, real_once):
    found, index = entries
    run = real_once[1]["base"]
    record = record_of(found, index, run)
    index["runs"][run]["record.json"] = [add(found, json.dumps(record | {"seed": 9}, indent=1).encode())]
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found, index))
    assert f"{run}  record.json in {tmp_path / 'p.zip'} is not a record that cadc wrote" in answer.out


def test_pickles_in_place_of_rows_are_not_loaded(entries, tmp_path, real_once):
    found, index = entries
    run = real_once[1]["base"]
    evil = f"cposix\nsystem\n(S'touch {tmp_path / 'evil'}'\ntR.".encode()
    index["runs"][run]["scores.parquet"] = [add(found, evil)]
    with_record(
        found, index, run, lambda record: record["files"].update({"scores.parquet": hashlib.sha256(evil).hexdigest()})
    )
    answer = cadc("ledger", "unpack", write(tmp_path / "p.zip", found, index))
    assert answer.status == 1
    assert f"{run}  metrics cannot be computed from scores.parquet" in answer.out
    assert not (tmp_path / "evil").exists()


def test_a_note_of_what_was_left_out_excuses_weights_alone(packed_once, real_once):
    assert cadc("ledger", "unpack", packed_once[0]).status == 0
    run = Path(Ledger().path(real_once[1]["base"]))
    (run / "left_out.json").write_text('["scores.parquet", "model.safetensors"]')
    (run / "scores.parquet").unlink()
    answer = cadc("ledger", "verify", run.name)
    assert answer.status == 1
    assert answer.out == f"{run.name}  scores.parquet is missing\n"
