"""A plain value means the same in every file, and what it means in an override."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cadc.configuration.override_text import expand_files
from cadc.configuration.overrides import parse_overrides
from cadc.configuration.safe_yaml import dump_yaml, load_yaml, parse_yaml
from cadc.data.sources.table import Table
from cadc.errors import CadcError, UsageError
from cadc.tuning.compose import compose_tuning

MEANT = {
    "no": "no",
    "No": "No",
    "yes": "yes",
    "on": "on",
    "off": "off",
    "y": "y",
    "n": "n",
    "5e2": 500.0,
    "5E-3": 0.005,
    "1e-4": 0.0001,
    "1_000": 1000,
    "+7": 7,
    "-0.1": -0.1,
    ".5": 0.5,
    "5.": 5.0,
    "007": "007",
    "0o17": "0o17",
    "0x1F": "0x1F",
    "0b1": "0b1",
    "1:30": "1:30",
    "2001-01-01": "2001-01-01",
    "2001-01-01 12:00:00": "2001-01-01 12:00:00",
    "true": True,
    "FALSE": False,
    "null": None,
}
"""Plain values, and what files and overrides take them for."""


@pytest.mark.parametrize("text", MEANT)
def test_a_plain_value_means_the_same_in_a_file_and_in_an_override(text, tmp_path):
    (tmp_path / "a.yaml").write_text(f"key: {text}\n")
    assert repr(load_yaml(tmp_path / "a.yaml")["key"]) == repr(MEANT[text])
    assert repr(parse_overrides([f"key={text}"])[0].value()) == repr(MEANT[text])
    (tmp_path / "b.yaml").write_text(f"data.name: {text}\n")
    assert repr(parse_overrides(expand_files([f"@{tmp_path / 'b.yaml'}"]))[0].value()) == repr(MEANT[text])


@given(st.text("0123456789_+-.eExobinfatrulNT:", min_size=1, max_size=7))
def test_a_file_never_means_another_number_than_an_override(text):
    try:
        in_file, in_override = parse_yaml(f"key: {text}")["key"], parse_overrides([f"key={text}"])[0].value()
    except (yaml.YAMLError, TypeError, UsageError):
        return
    # YAML writes infinity with a dot, overrides without; no option takes it.
    if text.lower().lstrip("+-.") not in ("inf", "nan"):
        assert repr(in_file) == repr(in_override)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)))
def test_what_is_written_is_read_back(value):
    assert repr(parse_yaml(dump_yaml(value))) == repr(value)


@pytest.mark.parametrize("text", [*MEANT, "inf", ".inf", "~", "=", "<<", "'a,b'"])
def test_a_text_that_looks_like_something_else_stays_a_text(text, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(dump_yaml({"data.name": text}), encoding="utf-8")
    assert yaml.safe_load(path.read_text()) == {"data.name": text}
    value = parse_overrides(expand_files([f"@{path}"]))[0].value()
    assert value == (text.strip("'") if text.startswith("'") else text)


def described(tmp_path, line):
    (tmp_path / "a.yaml").write_text(f"item: item\nrating: stars\n{line}\n")
    return Table(path="log.csv", description=str(tmp_path / "a.yaml"))


def test_a_description_reads_numbers_and_names_as_overrides_do(tmp_path):
    assert described(tmp_path, "threshold: 5e2").threshold == 500
    assert described(tmp_path, "threshold: 1_000").threshold == 1000
    assert described(tmp_path, "user: no").user == "no"
    assert described(tmp_path, "user: 2001-01-01").user == "2001-01-01"
    assert described(tmp_path, "user: 1").user == "1"
    assert described(tmp_path, "user: 007").user == "007"
    assert list(described(tmp_path, "dense: [on, 'null', off, 1:30]").dense) == ["on", "null", "off", "1:30"]
    assert described(tmp_path, "user: 'true'").user == "true"


@pytest.mark.parametrize("plain", ["true", "5e2", "1.0"])
def test_a_name_that_is_read_as_something_else_is_asked_for_in_quotes(plain, tmp_path):
    with pytest.raises(CadcError, match=r"user is .*in quotes"):
        described(tmp_path, f"user: {plain}")


def test_a_search_space_reads_numbers_and_names_as_overrides_do(tmp_path):
    Path(tmp_path / "own.yaml").write_text(
        "space:\n  trainer.learning_rate: {low: 1e-4, high: 5e-2}\n  data.name: {choices: [no, 'yes', 1_0]}\n"
    )
    tuning, _ = compose_tuning([f"tune={tmp_path / 'own.yaml'}"])
    assert tuning.distributions["trainer.learning_rate"].low == 0.0001
    assert tuning.distributions["data.name"].choices == ("no", "yes", 10)
