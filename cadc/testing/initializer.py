"""The contract of initialisers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.data.seen_ids import seen_ids
from cadc.embeddings.initializers.initializer import Initializer
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.factorization.factors import Factors
from cadc.randomness import torch_generator
from cadc.testing.expect import expect, expect_derived, global_generators_untouched
from cadc.testing.logs import made_up_factors, small_log

DIM = 8


def check_initializer(
    cls: type[Initializer], log: InteractionLog | None = None, dim: int = DIM, **options: Any
) -> None:
    """Check that an initialiser keeps the contract of `cadc.embeddings.initializers.initializer.Initializer`.

    Every field has a finite float32 table of the right shape; *unknown* starts at zero unless its field is enriched;
    fields that are not enriched start as they would with `RandomInitializer`; the same generator gives the same
    tables; factors are left as they are.

    Parameters
    ----------
    cls : the class.
    log : whose fields have tables; a small generated one where none is given.
    dim : columns of the tables.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
    >>> check_initializer(MFBiasInitializer, freeze=True)
    """
    expect_derived(cls, Initializer)
    log = small_log() if log is None else log
    initializer, name = cls(**options), cls.__name__
    factors = made_up_factors(log.schema, dim - initializer.extra_columns) if initializer.needs_factors else None
    before = None if factors is None else factors.with_vectors({k: v.clone() for k, v in factors.vectors.items()})
    enriched = set(initializer.enriched_fields(log.schema, factors))
    for what, fields in (
        ("enriched_fields", enriched),
        ("frozen_fields", initializer.frozen_fields(log.schema, factors)),
        ("kept_columns", initializer.kept_columns(log.schema, factors)),
    ):
        strange = [field for field in fields if field not in log.schema]
        expect(not strange, f"{name}.{what} names {strange}, which are not fields of the log.")
    for field, columns in initializer.kept_columns(log.schema, factors).items():
        expect(
            all(-dim <= column < 0 for column in columns),
            f"{name}.kept_columns of {field} are {tuple(columns)}; they count from the end, -1 being the last column.",
        )
    targets = _targets(initializer, log, dim, factors)
    _check_shapes(name, targets, log, dim)
    for field, target in targets.items():
        if field not in enriched and target is not None:
            expect(not target[UNKNOWN].any(), f"{name}: the row of *unknown* (id 0) of {field} is not zero.")
    again = _targets(initializer, log, dim, factors)
    expect(
        all(_same(targets[field], again[field]) for field in targets),
        f"{name} returned different tables for the same generator.",
    )
    _check_not_enriched(initializer, targets, log, dim)
    if all(target is not None and target.ndim == 2 for target in targets.values()):
        seen = seen_ids(log, log.rows("train")[::10])
        blocks = initializer.blocks(log, dim, factors, torch_generator(0, "tables"), seen)
        expect(
            blocks.keys() == targets.keys() and all(_same(blocks[own].whole(), targets[own]) for own in targets),
            f"{name}.blocks has other rows than {name}.targets; change enriched_blocks as enriched, or leave both out.",
        )
    if factors is not None and before is not None:
        expect(
            all(torch.equal(factors.vectors[field], before.vectors[field]) for field in factors.fields),
            f"{name} changed the factors that it was given; clone them first.",
        )
    pinned = cls.pinned(options)
    expect(
        isinstance(pinned, dict) and set(options) <= set(pinned),
        f"{name}.pinned returned {pinned!r}; expected the options, and perhaps hashes of files beside them.",
    )


def _targets(
    initializer: Initializer, log: InteractionLog, dim: int, factors: Factors | None
) -> Mapping[str, Tensor | None]:
    seen = seen_ids(log, log.rows("train")[::10])
    with global_generators_untouched(f"{type(initializer).__name__}.targets"):
        return initializer.targets(log, dim, factors, torch_generator(0, "tables"), seen)


def _check_shapes(name: str, targets: Mapping[str, Tensor | None], log: InteractionLog, dim: int) -> None:
    expected = {field.name: (field.vocabulary_size, dim) for field in log.schema.fields}
    missing = [field for field in expected if targets.get(field) is None]
    expect(not missing and set(targets) == set(expected), f"{name}.targets has no table for {missing}.")
    for field, target in targets.items():
        assert target is not None
        expect(
            target.dtype == torch.float32 and tuple(target.shape[-2:]) == expected[field] and target.ndim in (2, 3),
            f"{name}.targets of {field} is {target.dtype} of shape {tuple(target.shape)}; expected torch.float32 of "
            f"shape {expected[field]}.",
        )
        expect(target.isfinite().all(), f"{name}.targets of {field} holds numbers that are not finite.")


def _check_not_enriched(
    initializer: Initializer, targets: Mapping[str, Tensor | None], log: InteractionLog, dim: int
) -> None:
    factors = made_up_factors(log.schema, dim - initializer.extra_columns) if initializer.needs_factors else None
    enriched = initializer.enriched_fields(log.schema, factors)
    plain = _targets(RandomInitializer(std=initializer.std, unseen=initializer.unseen), log, dim, None)
    for field, target in targets.items():
        if field not in enriched:
            expect(
                _same(target, plain[field]),
                f"{type(initializer).__name__} starts {field} otherwise than RandomInitializer does, although the "
                "field is not one of enriched_fields; arms would differ in more than what they name.",
            )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)
