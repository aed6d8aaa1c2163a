"""Records of results are packed where they are many, and read alike."""

import gzip
import json

import pytest

from cadc.errors import CadcError
from cadc.reporting import records_file
from cadc.reporting.provenance import write_provenance
from cadc.reporting.records_file import PACKED, RECORDS, folders_with_records, read_records, records_path

ONE = {"id": "0" * 16, "metrics": {"test/auc": 0.5, "name": "Zoë"}}


def written(folder, n):
    name, content = records_file.records_file([ONE] * n)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_many_records_are_packed_and_few_are_not(tmp_path):
    few, many = (written(tmp_path / str(n), n) for n in (3, 20_000))
    assert (few.name, many.name) == (RECORDS, PACKED)
    for path, n in ((few, 3), (many, 20_000)):
        assert records_path(path.parent) == path
        assert [json.loads(line) for line in read_records(path).splitlines()] == [ONE] * n
    assert gzip.decompress(many.read_bytes()) == read_records(many)
    assert many.stat().st_size < 0.01 * len(read_records(many))
    assert folders_with_records(tmp_path) == [many.parent, few.parent]
    assert written(tmp_path / "again", 20_000).read_bytes() == many.read_bytes()


@pytest.mark.parametrize("sealed", [RECORDS, PACKED])
def test_of_two_files_the_one_counts_that_was_written_with_the_table(tmp_path, sealed):
    for n in (3, 20_000):
        written(tmp_path, n)
    other = tmp_path / (RECORDS if sealed == PACKED else PACKED)
    content = other.read_bytes()
    other.unlink()
    write_provenance({}, tmp_path)
    other.write_bytes(content)
    assert records_path(tmp_path).name == sealed


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-1], "it ends early or late"),
        (lambda content: content + b"x", "it ends early or late"),
        (lambda content: content[:40] + bytes([content[40] ^ 8]) + content[41:], ""),
        (lambda content: b"", "it ends early or late"),
        (lambda content: gzip.decompress(content), "incorrect header check"),
    ],
    ids=["cut", "more", "flipped", "empty", "not packed"],
)
def test_a_damaged_file_is_a_sentence(tmp_path, damage, why):
    path = written(tmp_path, 20_000)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CadcError, match=f"{PACKED} cannot be read .*{why}.*; restore the file or delete it"):
        read_records(path)


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(records_file, "MOST_UNPACKED", 1_000_000)
    (tmp_path / PACKED).write_bytes(gzip.compress(bytes(1_000_001)))
    with pytest.raises(CadcError, match="it comes to more than 1,000,000 bytes"):
        read_records(tmp_path / PACKED)
    (tmp_path / PACKED).write_bytes(gzip.compress(bytes(1_000_000)))
    assert len(read_records(tmp_path / PACKED)) == 1_000_000
