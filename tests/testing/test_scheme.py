"""`check_scheme` refuses schemes and tables that break their contract, and says how."""

import pytest
import torch
from torch import nn

from cadc.configuration import class_lookup
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.testing import check_scheme
from cadc.testing import scheme as module
from tests.testing.refused import refused


@pytest.fixture(autouse=True)
def _as_an_installed_plugin(monkeypatch):
    """Let files of tables name classes of this module, as those of a plug-in."""
    for own in (class_lookup, module):
        monkeypatch.setattr(own, "allowed_packages", lambda: ("cadc", "tests"))


class SharedTable(EmbeddingTable):
    """Row v looks up row v mod m of a small table."""

    def __init__(self, fields, dim, rows, centred=False):
        super().__init__(fields, dim, centred)
        self.rows = rows
        self.weight = nn.Parameter(torch.zeros(rows, dim))

    def plan(self):
        return {"rows": self.rows}

    def vectors(self, rows):
        return self.weight.index_select(0, rows % self.rows)

    def reset(self, std, generator):
        self.weight.data.normal_(0, std, generator=generator)

    def project(self, target, weight):
        slots = torch.arange(self.n_rows) % self.rows
        counts = torch.bincount(slots, weight, minlength=self.rows).clamp(min=1e-9).unsqueeze(1)
        sums = torch.zeros(self.rows, self.dim).index_add(0, slots, target * weight.unsqueeze(1))
        self.weight.data.copy_(sums / counts)


class Shared(Compressed):
    """Takes the most rows that fit."""

    table_class = SharedTable

    def table(self, spec):
        def size(rows):
            shapes = {"weight": (torch.float32, (rows, self.dim))}
            return size_of(self.table_class, spec.fields, self.dim, spec.centred, {"rows": rows}, shapes)

        rows = largest_within(spec.budget, size, 1, spec.n_rows, "rows")
        return self.table_class(spec.fields, self.dim, rows, spec.centred)


def scheme(table_class):
    return type(f"SchemeOf{table_class.__name__}", (Shared,), {"table_class": table_class, "__module__": __name__})


class Spendthrift(Shared):
    def table(self, spec):
        return self.table_class(spec.fields, self.dim, 2 + super().table(spec).rows, spec.centred)


class NeverTooSmall(Shared):
    def table(self, spec):
        return self.table_class(spec.fields, self.dim, 40, spec.centred)


class OtherClass(Shared):
    def table(self, spec):
        super().table(spec)
        return OtherTable(spec.fields, self.dim, spec.centred)


class OtherTable(UncompressedTable):
    pass


class Unseeded(SharedTable):
    def reset(self, std, generator):
        own = torch.Generator().manual_seed(torch.Generator().seed())
        super().reset(std, own)


class Global(SharedTable):
    def reset(self, std, generator):
        self.weight.data.normal_(0, std)


class WrongSign(SharedTable):
    def project(self, target, weight):
        super().project(-3 * target, weight)


class NoGradient(SharedTable):
    def vectors(self, rows):
        return super().vectors(rows).detach() + 0 * self.weight.sum()


class Idle(SharedTable):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.idle = nn.Parameter(torch.zeros(1))

    def serving(self):
        return {"weight": self.weight.detach()}


class NothingTrained(SharedTable):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.weight.requires_grad_(False)


class Narrow(SharedTable):
    def vectors(self, rows):
        return super().vectors(rows).double()


class Neighbours(SharedTable):
    def forward(self, ids, fold=None):
        return super().forward(ids, fold).flip(0)


class SumOfBags(SharedTable):
    def pooled(self, name, bag, fold=None):
        return 2 * super().pooled(name, bag, fold)


class ForgetsItsPlan(SharedTable):
    """Its file lacks by how much vectors are scaled."""

    scale = 1.0

    def reset(self, std, generator):
        super().reset(std, generator)
        self.scale = 3.0

    def project(self, target, weight):
        super().project(target / self.scale, weight)

    def vectors(self, rows):
        return self.scale * super().vectors(rows)


class TakesAnyId(SharedTable):
    def require_known(self, ids, of_fields=None):
        pass

    def vectors(self, rows):
        return super().vectors(rows.clamp(0, self.n_rows - 1))


BROKEN = {
    Spendthrift: ("least budget",),
    NeverTooSmall: ("budget of 1 byte",),
    OtherClass: ("OtherTable", "SharedTable"),
    scheme(Unseeded): ("different tables",),
    scheme(Global): ("global generator of torch",),
    scheme(WrongSign): ("further from it",),
    scheme(Idle): ("no gradient reaches idle",),
    scheme(NothingTrained): ("no weight to train",),
    scheme(Narrow): ("float64", "float32"),
    scheme(NoGradient): ("gradient of weight is zero",),
    scheme(Neighbours): ("not the rows of the dense table",),
    scheme(SumOfBags): ("bag",),
    scheme(ForgetsItsPlan): ("read from its file gives other vectors",),
    scheme(TakesAnyId): ("id -1 of user", "accepted"),
    dict: ("not derived from cadc.embeddings.base.scheme.Scheme",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_scheme_is_refused_and_the_reason_is_named(cls):
    said = refused(check_scheme, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_sound_scheme_passes():
    check_scheme(Shared)


def test_a_scheme_whose_package_is_not_installed_is_told_how_to_be(monkeypatch):
    monkeypatch.setattr(module, "allowed_packages", lambda: ("cadc",))
    said = refused(check_scheme, Shared)
    assert "tests" in said and "cadc.plugins" in said
