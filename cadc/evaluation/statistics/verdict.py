"""What may be said of an arm against the reference: four words and their rules."""

DEFAULT_MARGIN = 0.002
"""Of non-inferiority, in the metric's own unit."""

LEVEL = 0.05
"""Two-sided level of every claim."""


def verdict(
    advantage: float, p_difference: float, p_margin: float, n_seeds: int, margin: float, level: float = LEVEL
) -> str:
    """Return `better`, `as good (margin)`, `worse` or `undecided`; the first rule that holds decides.

    - `undecided`: there is one seed only, so that the noise of training is unknown.
    - `better`: the advantage is above 0 and `p_difference` below the level.
    - `as good (margin)`: `p_margin` is below half the level. For a single comparison this is the same as: the lower end
      of the two-sided interval of the advantage lies above -margin (non-inferiority). A small disadvantage that is
      certain, but certain to be within the margin, is *as good*, too.
    - `worse`: the advantage is below 0 and `p_difference` below the level.
    - `undecided`: none of these. It does not mean *equal*.

    Parameters
    ----------
    advantage : difference to the reference, its sign turned where low is better.
    p_difference : of *no difference*, two-sided, adjusted for the family.
    p_margin : of *the advantage is at most -margin*, one-sided, adjusted for the family.
    n_seeds : behind the comparison.
    margin : of non-inferiority, 0 or above.
    level : two-sided.

    >>> verdict(-0.0005, p_difference=0.3, p_margin=0.001, n_seeds=5, margin=0.002)
    'as good (0.002)'
    """
    if n_seeds < 2:
        return "undecided"
    if advantage > 0 and p_difference < level:
        return "better"
    if p_margin < level / 2:
        return f"as good ({margin:g})"
    if advantage < 0 and p_difference < level:
        return "worse"
    return "undecided"
