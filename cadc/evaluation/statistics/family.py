"""The verdicts on all arms that are compared with one reference, with Holm's correction over them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cadc.evaluation.statistics.crossed import CrossedInterval
from cadc.evaluation.statistics.holm import holm, holm_steps
from cadc.evaluation.statistics.verdict import LEVEL, is_tested, verdict
from cadc.evaluation.statistics.verdict_interval import verdict_interval


class Judged(NamedTuple):
    """A comparison, judged as one of a family.

    Parameters
    ----------
    verdict : see `cadc.evaluation.statistics.verdict.verdict`.
    low, high : ends of the interval of the difference that belongs to the verdict, see `verdict_interval`.
    p_difference, p_margin : adjusted for the family; NaN where nothing was tested, as with one seed.
    """

    verdict: str
    low: float
    high: float
    p_difference: float
    p_margin: float


def judge_family(
    intervals: Sequence[CrossedInterval],
    are_equal: Sequence[bool],
    margin: float,
    higher_is_better: bool,
    level: float = LEVEL,
) -> list[Judged]:
    """Return the verdict on each comparison with one reference.

    Comparisons of one seed, and arms that are equal to the last bit, are not tested: they do not count in the family.
    The interval of one seed is that over users alone.

    Parameters
    ----------
    intervals : of the differences, arm minus reference.
    are_equal : whether the metric of arm and reference is the same to the last bit.
    margin : margin of non-inferiority, 0 or more.
    higher_is_better : which way the metric is better.
    level : two-sided significance level of the family.
    """
    sign = 1 if higher_is_better else -1
    plain = [(one.p_two_sided(), one.p_above(-margin, sign)) for one in intervals]
    alone = [
        verdict(sign * one.estimate, *p, one.n_seeds, margin, level, is_equal)
        for one, p, is_equal in zip(intervals, plain, are_equal, strict=True)
    ]
    counted = [p if is_tested(found) else (np.nan, np.nan) for p, found in zip(plain, alone, strict=True)]
    of_zero, of_margin = ([p[which] for p in counted] for which in (0, 1))
    adjusted = zip(holm(of_zero).tolist(), holm(of_margin).tolist(), strict=True)
    steps = zip(holm_steps(of_zero, level).tolist(), holm_steps(of_margin, level / 2).tolist(), strict=True)
    judged = []
    for one, found, p, step in zip(intervals, alone, adjusted, steps, strict=True):
        low, high = one.low, one.high
        if is_tested(found):
            found = verdict(sign * one.estimate, *p, one.n_seeds, margin, level)
            bad, good = verdict_interval(
                sign * one.estimate,
                one.standard_error,
                one.degrees_of_freedom,
                margin,
                rejects_zero=p[0] < level,
                rejects_margin=p[1] < level / 2,
                steps=step,
                level=level,
            )
            low, high = (bad, good) if higher_is_better else (-good, -bad)
        judged.append(Judged(found, low, high, *p))
    return judged
