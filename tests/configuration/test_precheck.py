"""What is wrong with overrides is said before PyTorch is imported, in the words of the full check."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups, keys_of
from cadc.configuration.overrides import expand
from cadc.configuration.precheck import precheck
from cadc.errors import UsageError
from tests.configuration.test_compose import test_word_that_is_wrong_gets_one_sentence_with_what_was_meant as wrong
from tests.support.commands import process

WRONG = [case[0] for mark in wrong.pytestmark for case in mark.args[1]]


def message(check, overrides):
    try:
        check(overrides)
    except UsageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_override_gets_the_sentence_of_the_full_check(word):
    expected, found = message(compose_config, [word]), message(lambda own: precheck([own]), [word])
    assert expected is not None
    if found is None:
        assert "_target_" in word or word.startswith("+"), "only what a class decides is left to the class"
    elif not word.startswith("+"):
        assert found == expected


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data=table", "data.path='a,b c.csv'", "data.item_bags=[genres]"],
        ["views=[ease,profile]", "views.profile.rank=3", "model=stack"],
        ["embedding=lma", "embedding.ratio=8", "++trainer.max_epochs=2", "data.split_seed=${seed}"],
        ["model.top_mlp=[8,4]", "trainer={max_epochs:2}"],
        ["trainer.batch_size=512", "trainer.patience=null", "factorization.l2=auto"],
    ],
)
def test_what_composes_passes(overrides):
    compose_config(overrides)
    precheck([overrides])


OPTIONS = [
    (group, option) for group in groups() if group not in ("views", "trainer/callbacks") for option in groups()[group]
]
VALUES = ["null", "true", "1", "-0.5", "abc", "''", "[]", "[1,a]", "{a: 1}", "{}", "nan", "'1'", "${seed}", "9" * 20]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(OPTIONS), st.sampled_from(VALUES), st.sampled_from(["", "+"]), st.data())
def test_what_the_precheck_refuses_the_full_check_refuses_in_the_same_words(chosen, value, prefix, data):
    group, option = chosen
    keys = [key for key in keys_of(group, option) if key != "defaults"]
    key = data.draw(st.sampled_from([*keys, "nope"]))
    overrides = [f"{group}={option}", f"{prefix}{group.replace('/', '.')}.{key}={value}"]
    found = message(lambda own: precheck([own]), overrides)
    assert found in (None, message(compose_config, overrides))


def test_each_run_of_a_sweep_is_checked_for_its_own_options():
    precheck(expand(["model=dlrm,deepfm", "sampler.rate=0.1,1"]))
    with pytest.raises(UsageError, match=r"there is no key model.bottom_mlp .* belongs to model=dlrm"):
        precheck(expand(["model=dlrm,bias", "model.bottom_mlp=[8]"]))
    with pytest.raises(UsageError, match=r"sampler.rate is 'a'"):
        precheck(expand(["sampler.rate=0.1,a"]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "-m", "model=dlrm,bias", "sampler.rte=0.1,1"], "did you mean sampler.rate"),
        (["train", "trainer.batch_size=many"], "expected a whole number or 'auto'"),
        (["experiment", "quickstart", "trainer.max_epoch=1"], "did you mean trainer.max_epochs"),
        (["tune", "sampler.rate=x", "tune.trials=2"], "sampler.rate is 'x'"),
    ],
)
def test_a_command_says_so_without_pytorch(words, said):
    code = f"import sys; from cadc.cli import main\nprint(main({words!r}), 'torch' in sys.modules)"
    answer = process(["-c", code])
    assert answer.out.splitlines()[-1] == "2 False", answer.err
    assert said in answer.err
