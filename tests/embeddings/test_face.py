"""What `cadc.embeddings` offers."""

import cadc.embeddings
from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET
from cadc.configuration.groups import groups, keys_of


def test_every_scheme_and_initialiser_of_the_configuration_is_offered():
    offered = {getattr(cadc.embeddings, name) for name in cadc.embeddings.__all__}
    for group in ("embedding", "initializer"):
        for option in groups()[group]:
            assert load_class(keys_of(group, option)[TARGET]) in offered, option


def test_names_are_those_of_their_objects():
    assert {name for name in cadc.embeddings.__all__ if getattr(cadc.embeddings, name).__name__ != name} == set()
