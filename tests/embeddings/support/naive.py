"""Naive computations, one number at a time, with which tests of several files compare."""


def quantised(w, beta, alpha, bits):
    """One number, as the paper writes it."""
    if bits == 0:
        return 0.0
    return min(max(round((w - beta) / alpha), -(2 ** (bits - 1))), 2 ** (bits - 1) - 1) * alpha + beta
