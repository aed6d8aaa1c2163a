"""LMA: values share numbers of one memory the more, the more alike they are (Desai et al., arXiv 2103.06124)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.signatures import minhash_keys, random_keys, simhash_keys
from cadc.embeddings.schemes.shared_memory import SharedMemoryTable
from cadc.errors import UsageError, require_at_least

Signature = Literal["minhash", "minhash_neighbours", "simhash"]

MOST_KEYS = 16
EXACT = 53
"""Bits of the whole numbers that float64 holds exactly."""


class LmaTable(SharedMemoryTable):
    """Number i of row v lies in slot floor(frac(Σ_j A_ij·key_j(v) / 2^w + B_i / 2^w)·|M|).

    That is multiply-shift hashing (Dietzfelbinger 1996) of those `power` keys of the row whose A_ij are not 0, other
    ones for every column as long as there are others. It is computed in float64, in which it is exact, since w is so
    small that sums stay below 2^53.

    Parameters
    ----------
    fields, dim, slots, centred : see `SharedMemoryTable`.
    keys, bits : number of keys of a row's signature, and bits of each: 1, 2, 4, 8 or 16.
    power : keys that a column looks at, H.
    seed : of A and B.
    signature : how rows are described.
    """

    signature: Tensor
    factors: Tensor
    summands: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        slots: int,
        keys: int,
        bits: int,
        power: int,
        seed: int,
        signature: Signature = "minhash",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, slots, centred)
        self.keys, self.bits, self.power, self.seed, self.described_by = keys, bits, power, seed, signature
        self.register_buffer("signature", torch.zeros(self.n_rows, width(keys, bits), dtype=torch.uint8))
        factors, summands = column_hashes(dim, keys, bits, power, seed)
        self.register_buffer("factors", factors, persistent=False)
        self.register_buffer("summands", summands, persistent=False)

    @property
    def index_bytes(self) -> int:
        """Bytes of the signatures."""
        return self.signature.numel()

    def plan(self) -> dict[str, Any]:
        """Return the sizes, and the seed of the hashes."""
        of_keys = {"keys": self.keys, "bits": self.bits, "power": self.power, "seed": self.seed}
        return super().plan() | of_keys | {"signature": self.described_by}

    def slots_of(self, rows: Tensor) -> Tensor:
        """Return the slot of each number of some rows."""
        keys = unpacked(self.signature.index_select(0, rows), self.keys, self.bits).double()
        return torch.addmm(self.summands, keys, self.factors).frac_().mul_(self.slots).floor_()

    def describe(self, keys: Tensor) -> None:
        """Take the keys of all rows, below 2^bits, shape [n_rows, keys]."""
        self.signature.copy_(packed(keys, self.bits))

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the weighted means, of slots that the target itself assigns where rows are described by it.

        Rows of weight 0 are then described by random keys.
        """
        if self.described_by == "simhash":
            generator = torch.Generator().manual_seed(self.seed)
            keys = random_keys(self.n_rows, self.keys, self.bits, generator)
            known = weight > 0
            keys[known] = simhash_keys(target[known], self.keys, self.bits, generator)
            self.describe(keys)
        super().project(target, weight)


@dataclass(kw_only=True, eq=False)
class Lma(Compressed):
    """Locality-sensitive hashing based memory allocation.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    signature : `minhash` of the training rows in which a value occurs; `minhash_neighbours`, which describes a user by
        the items of its rows and an item by its users; or `simhash` of the vectors that values start from.
    keys : most keys of a value, at most 16; fewer where they take more than `share`.
    bits : of a key: 1, 2, 4, 8 or 16.
    power : keys that decide on a slot, H; values of similarity J share a slot with probability about J^H. A column has
        2^(bits·power) slots at most: with too few of them most of the memory lies idle.
    share : of the budget that signatures may take; one key is kept in any case.
    rows : most training rows that signatures are made from.
    """

    table_class = LmaTable

    signature: Signature = "minhash_neighbours"
    keys: int = 8
    bits: int = 4
    power: int = 4
    share: float = 0.5
    rows: int = 125_000

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", keys=self.keys, power=self.power, rows=self.rows)
        if self.keys > MOST_KEYS:
            raise UsageError(f"embedding.keys is {self.keys}; it must be at most {MOST_KEYS}.")
        if self.power > self.keys:
            raise UsageError(
                f"embedding.power is {self.power}; it must be at most embedding.keys, which is {self.keys}."
            )
        if self.bits not in (1, 2, 4, 8, 16):
            raise UsageError(f"embedding.bits is {self.bits}; choose one of 1, 2, 4, 8, 16.")
        if not 0 <= self.share <= 1:
            raise UsageError(f"embedding.share is {self.share}; it must be from 0 to 1.")

    def require_start(self, enriched: Collection[str]) -> None:
        """Raise a UsageError where values are described by their enriched vectors, and there are none."""
        if self.signature == "simhash" and not enriched:
            raise UsageError(
                "embedding.signature=simhash describes values by the vectors that they start from, and all of them "
                "start from random ones; set initializer=mf, or another signature."
            )

    def table(self, spec: TableSpec) -> LmaTable:
        """Return the table with the most keys that `share` allows, and then the most slots."""
        seed = spec.draw(1 << 31)

        def plan(keys: int, slots: int) -> dict[str, Any]:
            sizes = {"slots": slots, "keys": keys, "bits": self.bits, "power": min(self.power, keys), "seed": seed}
            return sizes | {"signature": self.signature}

        def bytes_at(keys: int, slots: int) -> int:
            shapes = {
                "memory": (torch.float32, (slots,)),
                "signature": (torch.uint8, (spec.n_rows, width(keys, self.bits))),
            }
            return size_of(LmaTable, spec.fields, self.dim, spec.centred, plan(keys, slots), shapes)

        keys = self.keys
        if spec.budget is not None:
            within = self.share * spec.budget
            fitting = (
                own
                for own in range(self.keys, 1, -1)
                if spec.n_rows * width(own, self.bits) <= within and bytes_at(own, 1) <= spec.budget
            )
            keys = next(fitting, 1)
        slots = largest_within(spec.budget, lambda n: bytes_at(keys, n), 1, spec.n_rows * self.dim, "slots")
        table = LmaTable(spec.fields, self.dim, **plan(keys, slots), centred=spec.centred)
        table.describe(self._keys(spec, keys))
        return table

    def _keys(self, spec: TableSpec, keys: int) -> Tensor:
        log = spec.statistics.log
        if log is None or self.signature == "simhash":
            return random_keys(spec.n_rows, keys, self.bits, spec.generator)
        by_neighbours = self.signature == "minhash_neighbours"
        return minhash_keys(log, spec.fields, keys, self.bits, self.rows, by_neighbours, spec.generator)


def column_hashes(dim: int, keys: int, bits: int, power: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return A (shape [keys, dim]) and B (shape [dim]), both divided by 2^w, float64; each column has `power` keys.

    Subsets of keys recur only where there are fewer of them than columns.
    """
    subsets = list(combinations(range(keys), power))
    # A stream that NumPy promises not to change, so that files keep their meaning.
    drawn = np.random.SeedSequence(seed).generate_state(len(subsets) + dim * (power + 1), np.uint64)
    order = drawn[: len(subsets)].argsort(kind="stable")
    shift = EXACT - bits - power.bit_length()
    numbers = torch.from_numpy((drawn[len(subsets) :] >> np.uint64(64 - shift)).astype(np.float64) / 2.0**shift)
    factors = torch.zeros(keys, dim, dtype=torch.float64)
    for column in range(dim):
        own = subsets[order[column % len(subsets)]]
        factors[list(own), column] = numbers[dim + column * power :][:power]
    return factors, numbers[:dim].clone()


def width(keys: int, bits: int) -> int:
    """Return the bytes of a row's packed keys."""
    return -(-keys * bits // 8)


def packed(keys: Tensor, bits: int) -> Tensor:
    """Return keys (below 2^bits, shape [n, keys]) side by side in bytes, the first in the lowest bits, uint8."""
    if bits == 16:
        return torch.stack([keys & 255, keys >> 8], 2).flatten(1).to(torch.uint8)
    n_of_byte = 8 // bits
    filled = torch.nn.functional.pad(keys, (0, -keys.shape[1] % n_of_byte)).unflatten(1, (-1, n_of_byte))
    shifts = bits * torch.arange(n_of_byte, dtype=keys.dtype)
    return (filled << shifts).sum(2).to(torch.uint8)


def unpacked(signature: Tensor, keys: int, bits: int) -> Tensor:
    """Return the keys (int32, shape [n, keys]) that `packed` put into bytes."""
    of_bytes = signature.int()
    if bits == 16:
        return of_bytes[:, ::2] | of_bytes[:, 1::2] << 8
    shifts = torch.arange(0, 8, bits, dtype=torch.int32, device=signature.device)
    return ((of_bytes.unsqueeze(2) >> shifts) & ((1 << bits) - 1)).flatten(1)[:, :keys]
