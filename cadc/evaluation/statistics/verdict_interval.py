"""The interval that belongs to a verdict: each end at the level of the test that it answers."""

from math import inf, nextafter

from scipy.special import stdtrit

from cadc.evaluation.statistics.verdict import LEVEL


def verdict_interval(
    advantage: float,
    standard_error: float,
    degrees_of_freedom: float,
    margin: float,
    rejects_zero: bool,
    rejects_margin: bool,
    steps: tuple[float, float] = (1.0, 1.0),
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return the ends of the interval of an advantage, from which the verdict can be read.

    The verdict is *better* if the interval lies above 0, else *as good* if it lies above -margin, else *worse* if it
    lies below 0, else *undecided*. The good end, and both ends of what is better, have the level of the test of *no
    difference*; the bad end of the others has that of the test of the margin. Where the former does not reject 0, the
    interval reaches to 0, even if the latter was held against a milder level. For a single comparison this is the
    two-sided interval.

    Parameters
    ----------
    advantage : difference to the reference, negated where lower is better.
    standard_error, degrees_of_freedom : of the difference, for the t distribution.
    margin : margin of non-inferiority, 0 or more.
    rejects_zero, rejects_margin : whether *no difference* and *the advantage is at most -margin* are rejected.
    steps : by how much the level is divided for each of the two, see `holm_steps`.
    level : two-sided significance level of each family.

    Returns
    -------
    bad, good : lower and upper end of the advantage.
    """
    half = [float(-standard_error * stdtrit(degrees_of_freedom, level / 2 / step)) for step in steps]
    bad, good = advantage - half[1], advantage + half[0]
    # The next number beyond a bound stands in where rounding would put an end on the other side.
    if rejects_zero and advantage > 0:
        return max(advantage - half[0], nextafter(0.0, inf)), good
    good = min(good, nextafter(0.0, -inf)) if rejects_zero else max(good, 0.0)
    bad = bad if rejects_zero else min(bad, 0.0)
    return (max(bad, nextafter(-margin, inf)) if rejects_margin else min(bad, -margin)), good
