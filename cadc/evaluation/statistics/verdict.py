"""The verdict on an arm that is compared with a reference: six outcomes and their rules."""

DEFAULT_MARGIN = 0.002
"""Margin of non-inferiority, in the metric's unit."""

LEVEL = 0.05
"""Two-sided significance level of every claim."""

EQUAL = "equal"
ONE_SEED = "one seed"


def verdict(
    advantage: float,
    p_difference: float,
    p_margin: float,
    n_seeds: int,
    margin: float,
    level: float = LEVEL,
    is_equal: bool = False,
) -> str:
    """Return the verdict on an arm; the first rule that holds decides.

    - `equal`: the metric of both is the same to the last bit, for every seed and every draw of users.
    - `one seed`: there is only one seed, so the noise of training is unknown.
    - `better`: the advantage is above 0 and `p_difference` below the level.
    - `as good (margin)`: `p_margin` is below half the level. For a single comparison this means that the lower end of
      the two-sided interval of the advantage lies above -margin (non-inferiority). A disadvantage that is certain, but
      certainly within the margin, is *as good*, too.
    - `worse`: the advantage is below 0 and `p_difference` below the level.
    - `undecided`: otherwise. It does not mean *equal*.

    Parameters
    ----------
    advantage : difference to the reference, negated where lower is better.
    p_difference : p value of *no difference*, two-sided, adjusted for the family.
    p_margin : p value of *the advantage is at most -margin*, one-sided, adjusted for the family.
    n_seeds : seeds behind the comparison.
    margin : margin of non-inferiority, 0 or more.
    level : two-sided significance level.
    is_equal : whether the metric of both is the same to the last bit.

    >>> verdict(-0.0005, p_difference=0.3, p_margin=0.001, n_seeds=5, margin=0.002)
    'as good (0.002)'
    """
    if is_equal:
        return EQUAL
    if n_seeds < 2:
        return ONE_SEED
    if advantage > 0 and p_difference < level:
        return "better"
    if p_margin < level / 2:
        return f"as good ({margin:g})"
    if advantage < 0 and p_difference < level:
        return "worse"
    return "undecided"


def is_tested(found: str) -> bool:
    """Tell whether a verdict follows from a test, so that its p value counts in the family."""
    return found not in (EQUAL, ONE_SEED)
