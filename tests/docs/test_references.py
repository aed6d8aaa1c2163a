"""What the documentation makes from the code: configuration, commands, packages, docstrings."""

import sys

import pytest

from cadc.cli import COMMANDS
from cadc.configuration.groups import groups
from cadc.paths import conf_dir
from tests.docs.documents import ROOT

pytest.importorskip("sphinx", reason="scripts/docs installs it")
pytest.importorskip("latex2mathml")


@pytest.fixture(autouse=True)
def _extensions(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(ROOT / "docs") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_configuration_reference_has_every_option_and_key() -> None:
    import configuration_reference

    text = configuration_reference.markdown()
    options = [f"### `{group}={name}`" for group, names in groups().items() for name in names]
    assert len(options) > 50
    assert [option for option in options if option not in text] == []
    assert "| `rate` | `1.0` | share of the training rows kept, in (0, 1] |" in text
    assert "| `space.trainer.learning_rate` | `{low: 0.0003, high: 0.03, log: true}` |" in text


def test_every_default_is_that_of_the_composed_configuration() -> None:
    import configuration_reference
    import yaml

    from cadc.configuration.compose import compose_config

    for group in ("embedding", "initializer"):
        for path in (path for path in (conf_dir() / group).glob("*.yaml") if not path.stem.startswith("_")):
            composed = compose_config([f"{group}={path.stem}"])[group]
            shown = {key.name: yaml.safe_load(key.default) for key in configuration_reference.keys_of(path)}
            assert shown == composed, path


def test_a_key_without_a_comment_is_refused(tmp_path) -> None:
    import configuration_reference

    path = tmp_path / "mine.yaml"
    path.write_text("_target_: mine.Mine\nrate: 1.0\n")
    with pytest.raises(ValueError, match="rate"):
        list(configuration_reference.keys_of(path))


def test_keys_of_a_shared_file_come_with_their_comments(tmp_path) -> None:
    import configuration_reference

    (tmp_path / "_shared.yaml").write_text("ratio: 16.0  # bytes before ÷ after\nsmall: 100  # values\n")
    path = tmp_path / "mine.yaml"
    path.write_text("defaults:\n  - _shared\n  - _self_\nratio: 8.0\n")
    found = {key.name: (key.default, key.comment) for key in configuration_reference.keys_of(path)}
    assert found == {"ratio": ("8.0", "bytes before ÷ after"), "small": ("100", "values")}


def test_command_reference_has_every_command() -> None:
    import command_reference

    text = command_reference.markdown()
    assert [name for name in COMMANDS if f"## `cadc {name}`" not in text] == []
    assert "verify [RUN | FOLDER ...]" in text


def test_every_module_has_its_place_on_a_page() -> None:
    import package_pages

    for package in package_pages.packages():
        page = package_pages.page(package)
        assert [name for name in package_pages.modules_of(package) if f"automodule:: {name}\n" not in page] == []


def test_descriptions_of_parameters_move_below_their_names() -> None:
    import docstrings

    lines = ["Say |M| of `a|b`s.", "", "Parameters", "----------", "rate : share of `rows`,", "    in (0, 1].", ""]
    docstrings.describe_below(None, "function", "f", None, None, lines)
    assert lines[0] == r"Say \|M\| of ``a|b``\ s."
    assert lines[4:] == ["rate", "    share of ``rows``,", "    in (0, 1].", ""]


def test_times_of_experiments_are_those_of_the_records() -> None:
    import experiment_times

    from cadc.reporting.lookup import committed_records

    found = {name: len(committed_records(ROOT / "results" / name) or ()) for name in ("two_axes", "next_item", "views")}
    page = experiment_times.markdown()
    assert all(n_runs > 0 and f"| `{name}` | {n_runs} |" in page for name, n_runs in found.items())
