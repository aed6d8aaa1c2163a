"""What a user may have meant: names in another case, and words of other libraries."""

import pytest

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups, keys_of
from cadc.configuration.suggestions import KEY_SYNONYMS, OPTION_SYNONYMS, nearest, nearest_keys, nearest_options
from cadc.errors import UsageError


def message(*overrides):
    with pytest.raises(UsageError) as error:
        compose_config(overrides)
    return str(error.value)


def test_every_synonym_of_an_option_stands_for_options_and_is_not_one_itself():
    known = groups()
    for group, synonyms in OPTION_SYNONYMS.items():
        for word, meant in synonyms.items():
            assert set(meant) <= set(known[group]), (group, word)
            assert nearest_options(group, word, known[group]) == list(meant)
            assert word not in known[group]
            assert "_" not in word and "-" not in word  # words are looked up without them


def test_every_synonym_of_a_key_stands_for_keys_of_some_option():
    known = {f"{group}.{key}" for group, options in groups().items() for own in options for key in keys_of(group, own)}
    known |= {*groups(), "seed", "threads"}
    for word, meant in KEY_SYNONYMS.items():
        assert set(meant) <= known, word
        assert word not in known


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("lr=0.1", "did you mean trainer.learning_rate?"),
        ("optimizer.lr=0.1", "did you mean trainer.learning_rate?"),
        ("trainer.wd=0.1", "did you mean trainer.weight_decay_tables or trainer.weight_decay_mlp?"),
        ("Trainer.Max_Epochs=3", "did you mean trainer.max_epochs?"),
        ("epochs=3", "did you mean trainer.max_epochs?"),
        ("dataset=ml-1m", "did you mean data?"),
        ("model=DLRM", "did you mean model=dlrm?"),
        ("model=DeepFM", "did you mean model=deepfm?"),
        ("model=two-tower", "did you mean model=two_tower?"),
        ("data=ML1M", "did you mean data=ml-1m?"),
        ("sampler=random", "did you mean sampler=uniform?"),
        ("sampler=Random", "did you mean sampler=uniform?"),
        ("embedding=quotient_remainder", "did you mean embedding=qr?"),
        ("model=xgboost", "did you mean model=boosted_trees?"),
        ("embedding.hash_count=3", "there is no key embedding.hash_count"),
        ("sampler.balance=0.2", "it belongs to sampler=label_balanced."),
        ("data.split.k=1", "there is no key data.split.k"),
    ],
)
def test_an_unknown_word_is_met_with_the_known_one(override, meant):
    assert meant in message(override)


def test_case_does_not_hide_a_likeness():
    assert nearest("UNIFROM", ["uniform", "users"]) == ["uniform"]
    assert nearest("unifrom", ["Uniform", "uniform"], n=2) == ["Uniform", "uniform"]
    assert nearest_keys("SEED", ["seed", "sampler.rate"]) == ["seed"]
