"""The search for the cheapest structure, against trying all of them."""

from itertools import product
from math import inf, log2

import pytest

from cadc.embeddings.fitting.structure_search import Space, Structure, cheapest

SPACE = Space((1, 2, 4, 8, 16), (0, 1, 2, 3), (4, 8, 16, 32, 64, 128))


def flops(structure):
    return structure.cells * (structure.depth * structure.width**2 + structure.width)


def quality(structure):
    return 5 * (structure.depth + 1) + 3 * log2(structure.width * structure.cells)


def all_of_them():
    return [Structure(*given) for given in product(SPACE.cells, SPACE.depths, SPACE.widths)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_trials_come_near_the_best_of_all(seed):
    best, tried = cheapest(SPACE, flops, quality, 30.0, 20, seed)
    good = sorted(flops(one) for one in all_of_them() if quality(one) >= 30)
    assert best.psnr == quality(best.structure) >= 30
    assert best.flops == flops(best.structure) <= good[5]
    assert len(tried) <= 20 and len({one.structure for one in tried}) == len(tried)


def test_nothing_is_fitted_that_needs_more_than_what_is_good_enough():
    fitted = []
    cheapest(SPACE, flops, lambda one: fitted.append(one) or quality(one), 30.0, 20)
    least = inf
    for one in fitted:
        assert flops(one) < least
        least = min(least, flops(one)) if quality(one) >= 30 else least


def test_out_of_reach_it_is_the_best_and_what_is_not_allowed_is_never_fitted():
    fitted = []
    best, tried = cheapest(
        SPACE,
        lambda one: flops(one) if one.width < 100 else inf,
        lambda one: fitted.append(one) or quality(one),
        1000.0,
        15,
    )
    assert best.psnr == max(one.psnr for one in tried)
    assert len(fitted) == 15
    assert all(one.width < 100 for one in fitted)
    assert cheapest(SPACE, lambda one: inf, quality, 10.0, 5) == (None, [])


def test_the_same_seed_tries_the_same():
    assert cheapest(SPACE, flops, quality, 30.0, 10, 3) == cheapest(SPACE, flops, quality, 30.0, 10, 3)
