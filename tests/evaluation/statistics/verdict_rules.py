"""How a reader tells the verdict from what is printed, and a second way to come to it: Holm's steps, one by one."""

import re

from scipy.stats import t as student

ALPHA = 0.05


def read(text, sign, margin):
    """Return the verdict that an interval in print speaks for, where + is the sign of a metric to be raised."""
    ends = [sign * float(end) for end in re.fullmatch(r"\[(\S+), (\S+)\]", text).groups()]
    low, high = min(ends), max(ends)
    if low > 0:
        return "better"
    if low > -margin:
        return f"as good ({margin:g})"
    return "worse" if high < 0 else "undecided"


def rejected(p, level):
    """Return the places that Holm's procedure rejects, the smallest p value first."""
    left, found = dict(p), set()
    while left:
        place = min(left, key=left.get)
        if left[place] * len(left) >= level:
            break
        found.add(place)
        del left[place]
    return found


def expected(lines, sign, margin):
    """Return the verdict on each line (difference, standard error, degrees of freedom, seeds, whether equal)."""
    of_zero, of_margin = {}, {}
    for place, (difference, error, freedom, seeds, is_equal) in enumerate(lines):
        if seeds > 1 and not is_equal:
            of_zero[place] = 2 * student.sf(abs(difference) / error, freedom)
            of_margin[place] = 1 - student.cdf((sign * difference + margin) / error, freedom)
    differs, within = rejected(of_zero, ALPHA), rejected(of_margin, ALPHA / 2)
    found = []
    for place, (difference, _, _, seeds, is_equal) in enumerate(lines):
        if is_equal:
            found.append("equal")
        elif seeds == 1:
            found.append("one seed")
        elif place in differs and sign * difference > 0:
            found.append("better")
        elif place in within:
            found.append(f"as good ({margin:g})")
        else:
            found.append("worse" if place in differs else "undecided")
    return found
