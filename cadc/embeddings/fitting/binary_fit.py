"""Least-squares approximation of rows by sums of shared vectors, each with a sign of the row's own."""

import torch
from torch import Tensor

DIRECTION_ROWS = 1 << 16
"""Most rows, evenly spaced, from which directions are found."""

ROUNDS = 3
"""Rounds of fitting all signs and all vectors to each other after the first fit."""


def signs_and_vectors(target: Tensor, mass: Tensor, n_bits: int) -> tuple[Tensor, Tensor]:
    """Return C of ±1 and R that make Σ_v m_v·|t_v - c_v·R|² small; R is the best for C, so it is never above that of 0.

    Bit after bit, rows are told apart by their side along the direction in which what is left varies most; then each
    bit of each row is chosen anew given its others, and R by least squares, by turns.

    Parameters
    ----------
    target : t, float32, shape [n, d].
    mass : m, not negative and not all zero, shape [n].
    n_bits : columns of C.

    Returns
    -------
    signs : int8, shape [n, n_bits].
    vectors : float32, shape [n_bits, d].
    """
    signs = torch.ones(len(target), n_bits, dtype=torch.int8)
    vectors = torch.zeros(n_bits, target.shape[1])
    weighted = mass.unsqueeze(1) / mass.sum()
    every = -(-len(target) // DIRECTION_ROWS)
    rest = target.clone()
    for bit in range(n_bits):
        some = rest[::every].double()
        direction = torch.linalg.eigh(some.T @ (weighted[::every] * some))[1][:, -1].float()
        own = _sides(rest @ direction)
        vectors[bit] = (weighted * own * rest).sum(0)
        rest -= own * vectors[bit]
        signs[:, bit] = own.squeeze(1)
    for _ in range(ROUNDS):
        vectors = best_vectors(target, mass, signs)
        rest = target - signs.float() @ vectors
        for bit in range(n_bits):
            before = signs[:, bit : bit + 1].float()
            rest += before * vectors[bit]
            own = _sides(rest @ vectors[bit])
            rest -= own * vectors[bit]
            signs[:, bit] = own.squeeze(1)
    return signs, best_vectors(target, mass, signs)


def best_vectors(target: Tensor, mass: Tensor, signs: Tensor) -> Tensor:
    """Return R of least squared error for given signs, float32, shape [n_bits, d]."""
    gram = torch.zeros(signs.shape[1], signs.shape[1], dtype=torch.float64)
    right = torch.zeros(signs.shape[1], target.shape[1], dtype=torch.float64)
    for rows in torch.arange(len(target)).split(DIRECTION_ROWS):
        own = signs[rows].double()
        weighted = own.T * mass[rows].double()
        gram += weighted @ own
        right += weighted @ target[rows].double()
    # Bits that agree in all rows leave R undetermined; of all solutions the smallest is taken.
    return (torch.linalg.pinv(gram, hermitian=True) @ right).float()


def _sides(values: Tensor) -> Tensor:
    """Return 1 for numbers from 0 up and -1 below, shape [n, 1]."""
    return torch.where(values >= 0, 1.0, -1.0).unsqueeze(1)
