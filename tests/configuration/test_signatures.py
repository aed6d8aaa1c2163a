"""Types of options read from source agree with those of the loaded classes."""

from typing import Any, Literal

import pytest

from cadc.configuration.checks import LISTS
from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import _hints as hints_of
from cadc.configuration.components import defaults
from cadc.configuration.groups import groups, keys_of
from cadc.configuration.signatures import choices_of, signature_of

OPTIONS = [(group, option) for group, options in groups().items() for option in options]


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_the_source_of_each_option_tells_the_types_that_its_class_has(group, option):
    keys = keys_of(group, option)
    target = (keys[option] if group in LISTS else keys)["_target_"]  # each of a list stands under its name
    cls = load_class(target)
    real = hints_of(cls, tuple(defaults(cls)))
    found = signature_of(target)
    if not real:  # what has no options may have no `__init__`
        return
    assert found is not None
    assert {name: found.hints[name] for name in real} == real
    assert found.summary and "\n" not in found.summary


def test_types_of_a_plugin_are_read_from_its_source(plugin):
    target = keys_of("sampler", "first")["_target_"]
    assert signature_of(target).hints["rate"] is float


@pytest.mark.parametrize(
    "target", ["os.system", "cadc.no.such.Thing", "cadc.sampling.uniform.Nothing", "", "../evil", "cadc.adam.__dict__"]
)
def test_what_is_not_a_class_of_ours_has_no_signature(target):
    assert signature_of(target) is None


def test_values_that_a_type_lists():
    assert choices_of(Literal["a", 2] | None) == ["a", 2, None]
    assert choices_of(float) == choices_of(Any) == choices_of(list[int]) == []
    assert choices_of(int | Literal["auto"]) == ["auto"]
