"""Every YAML option agrees with the class that it configures."""

import inspect
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from cadc.configuration.checks import BESIDE_SOURCE, LISTS
from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET, options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups, keys_of
from cadc.paths import conf_dir
from cadc.tuning.compose import check_space, compose_tuning

ALL_FILES = sorted(path.relative_to(conf_dir()).as_posix() for path in conf_dir().glob("*/**/*.yaml"))
FILES = [file for file in ALL_FILES if "/_" not in file]
"""Those of options; the others hold keys that several options inherit."""
RUN_FILES = [file for file in FILES if not file.startswith("tune/")]
"""Those of a run; `tune` is read by `cadc tune` alone."""
OF_EACH_FILE = {
    "tune": {"space", "metric"},
    "trainer": {"weight_decay_tables", "weight_decay_mlp"},
}
"""Options that tell the files of a group apart where they have one class."""
OF_OLD_RECORDS = {"constant", "lazy_tables", "cg_steps", "least_steps", "averaging", "grace_steps"}
"""Options whose default in the class is that of old records."""
OLD_OF_GROUP = {"factorization": {"seed", "l2", "l2_side", "l2_bias"}}
"""Likewise, where another group has an option of the same name."""
OLD_OF_FILE = {
    "model/dlrm.yaml": {"interaction", "linear"},
    "factorization/bpr.yaml": {"max_epochs", "patience"},
    "model/ease.yaml": {"history"},
    "stream/default.yaml": {"factorize", "warm"},
}
"""Likewise, where another file of the group has."""


def node_of(file):
    """Options of a YAML file that belong to its class."""
    group, _, option = file.removesuffix(".yaml").rpartition("/")
    if group in LISTS:
        return keys_of(group, option)[option]
    beside = BESIDE_SOURCE if group == "data" else ()
    return {key: value for key, value in keys_of(group, option).items() if key not in beside}


@pytest.mark.parametrize("file", FILES)
def test_yaml_holds_every_option_of_its_class_with_the_same_default(file):
    node = node_of(file)
    signature = {
        name: parameter
        for name, parameter in inspect.signature(load_class(node[TARGET])).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    defaults = {name: p.default for name, p in signature.items() if p.default is not p.empty}
    own = OF_OLD_RECORDS | OLD_OF_GROUP.get(file.split("/")[0], set()) | OLD_OF_FILE.get(file, set())
    own |= set() if file == "trainer/default.yaml" else OF_EACH_FILE.get(file.split("/")[0], set())
    assert {name: value for name, value in options_of(node).items() if name not in own} == {
        name: value for name, value in defaults.items() if name not in own
    }
    assert list(options_of(node)) == list(defaults), "in the same order"


@pytest.mark.parametrize("file", RUN_FILES)
def test_every_option_composes(file):
    group, _, option = file.removesuffix(".yaml").rpartition("/")
    assert option in groups()[group]
    config = compose_config([f"{group}={option}"])
    if group in LISTS:
        first, _, rest = group.partition("/")
        assert list(config[first][rest] if rest else config[first]) == [option]
    else:
        assert config["choices"][group] == option


@pytest.mark.parametrize("file", [*ALL_FILES, "config.yaml"])
def test_yaml_reads_the_same_by_another_reader(file):
    assert yaml.safe_load((conf_dir() / file).read_text()) == OmegaConf.to_container(OmegaConf.load(conf_dir() / file))


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("tune/")])
def test_every_search_space_is_one_of_the_configuration(file):
    name = Path(file).stem
    words = {"factorization": ["initializer=mf"], "ranking_reference": ["model=two_tower", "trainer=ranking"]}.get(
        name, []
    )
    tuning, rest = compose_tuning([f"tune={name}", *words])
    assert rest == words
    check_space(tuning, words)


def test_main_configuration_chooses_one_option_of_every_group():
    chosen = {
        key
        for entry in yaml.safe_load((conf_dir() / "config.yaml").read_text())["defaults"]
        if entry != "_self_"
        for key in entry
    }
    assert chosen == {group for group in groups() if "/" not in group}


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(("data", "factorization", "sampler"))])
def test_class_keeps_each_option_in_an_attribute_of_its_name(file):
    # The description of an object, which names its cached results, reads them there.
    node = node_of(file)
    component = load_class(node[TARGET])(**options_of(node))
    assert {name: getattr(component, name) for name in options_of(node)} == options_of(node)
