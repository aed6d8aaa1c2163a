"""`check_initializer` refuses initialisers that break their contract, and says how."""

import pytest
import torch

from cadc.embeddings.initializers.initializer import Initializer
from cadc.testing import check_initializer
from tests.testing.refused import refused


class OnesForItems(Initializer):
    def enriched_fields(self, schema, factors):
        return ("item",)

    def enriched(self, log, dim, factors, start):
        table = torch.ones(log.schema["item"].vocabulary_size, dim)
        table[0] = 0
        return {"item": table}


class NamesStrangeField(OnesForItems):
    def enriched_fields(self, schema, factors):
        return ("item", "colour")


class TooNarrow(OnesForItems):
    def enriched(self, log, dim, factors, start):
        return {"item": super().enriched(log, dim, factors, start)["item"][:, 1:]}


class NotFinite(OnesForItems):
    def enriched(self, log, dim, factors, start):
        return {"item": super().enriched(log, dim, factors, start)["item"] / 0}


class Unannounced(OnesForItems):
    def enriched_fields(self, schema, factors):
        return ()


class Global(OnesForItems):
    def enriched(self, log, dim, factors, start):
        return {"item": torch.randn(log.schema["item"].vocabulary_size, dim)}


class Unseeded(OnesForItems):
    def enriched(self, log, dim, factors, start):
        own = torch.Generator().manual_seed(torch.Generator().seed())
        return {"item": torch.randn(log.schema["item"].vocabulary_size, dim, generator=own)}


class ChangesFactors(Initializer):
    needs_factors = True

    def enriched_fields(self, schema, factors):
        return factors.fields

    def enriched(self, log, dim, factors, start):
        return {name: vectors.mul_(2) for name, vectors in factors.vectors.items()}


class CountsFromStart(OnesForItems):
    def kept_columns(self, schema, factors):
        return {"item": (0,)}


class NoOptions(OnesForItems):
    @classmethod
    def pinned(cls, options):
        return None


BROKEN = {
    NamesStrangeField: ("colour", "enriched_fields"),
    TooNarrow: ("targets of item", "7)", "8)"),
    NotFinite: ("targets of item", "not finite"),
    Unannounced: ("item", "enriched_fields"),
    Global: ("global generator of torch",),
    Unseeded: ("different tables",),
    ChangesFactors: ("changed the factors", "clone"),
    CountsFromStart: ("(0,)", "-1"),
    NoOptions: ("pinned", "None"),
    dict: ("not derived from cadc.embeddings.initializers.initializer.Initializer",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_initialiser_is_refused_and_the_reason_is_named(cls):
    said = refused(check_initializer, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_sound_initialiser_passes():
    check_initializer(OnesForItems)
