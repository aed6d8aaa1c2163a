"""Numbers of things in words."""


def counted(n: int | str, thing: str) -> str:
    """Return a number and the thing that it counts, in the plural unless it is one.

    >>> counted(1, "run"), counted(3, "run"), counted("1 to 3", "seed")
    ('1 run', '3 runs', '1 to 3 seeds')
    """
    return f"{n} {thing}{'s' * (str(n) != '1')}"
