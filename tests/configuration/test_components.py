import sys
from typing import Literal

import pytest

from cadc.configuration.casting import cast
from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import build, options_of
from cadc.data.split.random import RandomSplit
from cadc.errors import UsageError
from cadc.sampling.uniform import UniformSampler

UNIFORM = "cadc.sampling.uniform.UniformSampler"
LOGISTIC = "cadc.factorization.logistic.LogisticMF"


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "pathlib.Path",
        "torch.nn.Linear",
        "cadc.paths.os",
        "cadc.pipeline.run.json",
        "cadc.paths.Path",
        "cadc.paths.runs_dir",
        "cadc.models.dlrm.nn.Linear",
        "cadc.models.dlrm",
        "cadc.configuration.components.build",
        "cadc.nothing.Here",
        "cadc.models.dlrm.Nothing",
        "cadc",
        "",
        ".",
        "cadc..DLRM",
        "cadcx.Evil",
        "CADC.models.dlrm.DLRM",
        None,
        7,
        ["os", "system"],
        {"a": "b"},
    ],
    ids=str,
)
def test_target_that_is_no_class_of_cadc_is_refused(target):
    with pytest.raises(UsageError):
        load_class(target)
    with pytest.raises(UsageError):
        options_of({"_target_": target})


@pytest.mark.parametrize("package", ["hostile", "cadc_hostile", "cadchostile"])
def test_module_outside_the_allowed_packages_is_refused_before_it_is_imported(tmp_path, monkeypatch, package):
    (tmp_path / f"{package}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=f"'{package}.Evil' is not allowed"):
        build({"_target_": f"{package}.Evil"})
    assert not (tmp_path / "ran").exists()
    assert package not in sys.modules


def test_target_inside_the_command_runs_no_command():
    with pytest.raises(UsageError):
        load_class("cadc.__main__.Anything")


def test_component_is_built_from_its_options_and_what_it_asks_for():
    sampler = build({"_target_": UNIFORM, "rate": 1}, "sampler")
    assert type(sampler) is UniformSampler
    assert type(sampler.rate) is float
    calls = []
    split = build({"_target_": "cadc.data.split.RandomSplit"}, "", test=0.2, unasked=lambda: calls.append(1))
    assert isinstance(split, RandomSplit)
    assert (split.validation, split.test) == (0.1, 0.2)
    assert not calls, "what is not asked for is not made"


@pytest.mark.parametrize(
    ("option", "neighbour"),
    [("rat", "rate"), ("learning_rat", "learning_rate"), ("l2_bia", "l2_bias"), ("qqq", "dim")],
)
def test_unknown_option_names_its_neighbours(option, neighbour):
    target = UNIFORM if neighbour == "rate" else LOGISTIC
    with pytest.raises(UsageError, match=rf"group\.{option} is not an option of \w+; did you mean .*{neighbour}"):
        options_of({"_target_": target, option: 1}, "group")


@pytest.mark.parametrize("option", ["args", "kwargs"])
def test_class_without_options_takes_none(option):
    with pytest.raises(UsageError, match=f"{option} is not an option of OracleModel"):
        options_of({"_target_": "cadc.models.oracle.OracleModel", option: 1})


def test_what_a_run_provides_is_no_option():
    with pytest.raises(UsageError, match=r"model\.n_dense") as error:
        build(
            {"_target_": "cadc.models.dlrm.DLRM", "n_dense": 3},
            "model",
            n_dense=1,
            embeddings=None,
            generator=None,
        )
    assert "embeddings" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, 1.0),
        (3.0, int, 3),
        (-2, int, -2),
        (None, int | None, None),
        (5, int | None, 5),
        ("auto", int | Literal["auto"], "auto"),
        (256.0, int | Literal["auto"], 256),
        ([1, 2.0], tuple[int, ...], (1, 2)),
        ([], tuple[int, ...], ()),
        ([1], list[float], [1.0]),
        (True, bool, True),
        (7, str, "7"),
        ("b", Literal["a", "b"], "b"),
    ],
)
def test_values_are_cast_to_the_type_of_the_option(value, hint, expected):
    found = cast(value, hint, "key")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "says"),
    [
        (1.5, int, "a whole number"),
        (True, int, "a whole number"),
        (True, float, "a finite number"),
        ("1", float, "a finite number"),
        (float("nan"), float, "a finite number"),
        (float("inf"), float, "a finite number"),
        ("1", int, "a whole number"),
        (None, int, "a whole number"),
        (float("inf"), int, "a whole number"),
        (float("nan"), int, "a whole number"),
        (float("inf"), int | None, "a whole number or null"),
        (1, bool, "true or false"),
        ("true", bool, "true or false"),
        (1.5, str, "expected text"),
        ([1], str, "expected text"),
        ("c", Literal["a", "b"], "a, b"),
        (["a"], Literal["a", "b"], "a, b"),
        ("auto", int | None, "a whole number or null"),
        ("x", int | Literal["auto"], "a whole number or 'auto'"),
        (3, tuple[int, ...], "a list such as"),
        ("64", tuple[int, ...], "a list such as"),
        ({"a": 1}, tuple[int, ...], "a list such as"),
        (["a"], tuple[int, ...], "a whole number"),
        ([None], tuple[int, ...], "a whole number"),
    ],
)
def test_value_of_a_wrong_type_is_named_with_what_was_expected(value, hint, says):
    with pytest.raises(UsageError) as error:
        cast(value, hint, "group.key")
    assert str(error.value).startswith("group.key is ")
    assert says in str(error.value)


def test_classes_of_an_installed_plugin_can_be_built(plugin):
    sampler = build({"_target_": "plugged.first.FirstRows", "rate": 1}, "sampler")
    assert type(sampler).__module__ == "plugged.first"
    with pytest.raises(UsageError, match=r"plugged\.first\.Sampler.* base class"):
        load_class("plugged.first.Sampler")
    with pytest.raises(UsageError, match="expected a class of cadc, plugged"):
        load_class("os.system")


TYPED = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from cadc.data import InteractionLog

class Typed:
    def __init__(self, log: InteractionLog, rate: float = 1.0, start: InteractionLog | None = None): self.rate = rate
"""


def test_types_that_only_type_checkers_import_matter_for_options_alone(plugin):
    (plugin / "typed.py").write_text(TYPED)
    node = {"_target_": "plugged.typed.Typed", "rate": 1}
    assert repr(build(node, log=None).rate) == "1.0"
    with pytest.raises(UsageError, match=r"plugged\.typed\.Typed.*InteractionLog"):
        build(node | {"start": 1}, log=None)
