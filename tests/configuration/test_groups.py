"""Options of the configuration groups, and the files that options inherit keys from."""

import pytest

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import files_of, groups, keys_of
from cadc.errors import UsageError

SCHEME = '''"""A scheme of a plug-in."""
from dataclasses import dataclass
from cadc.embeddings.schemes.hashing import Hashing

@dataclass(kw_only=True, eq=False)
class Folded(Hashing):
    """The hashing trick with one option more."""

    folds: int = 3
'''


@pytest.fixture
def plugged_scheme(plugin, forget_plugins):
    (plugin / "folded.py").write_text(SCHEME)
    (plugin / "conf" / "embedding").mkdir()
    (plugin / "conf" / "embedding" / "folded.yaml").write_text(
        "defaults:\n  - _compressed\n  - _self_\n_target_: plugged.folded.Folded\nratio: 8.0\nfolds: 3\n"
    )
    forget_plugins()


def test_files_that_options_inherit_from_are_not_options():
    assert not [name for options in groups().values() for name in options if name.startswith("_")]
    assert not [name for name in files_of("embedding") if name.startswith("_")]
    with pytest.raises(UsageError, match="embedding=_compressed does not exist"):
        compose_config(["embedding=_compressed"])


@pytest.mark.parametrize("option", ["embedding=hashing", "embedding=quantised", "initializer=content"])
def test_keys_of_an_option_are_those_that_are_composed(option):
    group, _, name = option.partition("=")
    assert keys_of(group, name) == compose_config([option])[group]


def test_keys_of_an_option_that_does_not_exist_are_none():
    assert keys_of("embedding", "absent") == {}


def test_a_plugin_inherits_the_keys_of_its_group(plugged_scheme):
    node = compose_config(["embedding=folded", "embedding.budget=900"])["embedding"]
    assert node == keys_of("embedding", "folded") | {"budget": 900}
    assert list(node) == ["dim", "ratio", "budget", "small", "_target_", "folds"]
    assert (node["ratio"], node["small"], node["folds"]) == (8.0, 100, 3)
    with pytest.raises(UsageError, match=r"no key embedding\.fold; did you mean embedding\.folds"):
        compose_config(["embedding=folded", "embedding.fold=2"])
