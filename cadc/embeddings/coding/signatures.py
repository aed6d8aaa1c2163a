"""Signatures of values: keys of few bits, more of which agree the more similar two values are."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from cadc.data.cold_ids import entity_side_of
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Field
from cadc.embeddings.coding.rows import CHUNK


def random_keys(n: int, keys: int, bits: int, generator: torch.Generator) -> Tensor:
    """Return keys of values of which nothing is known, int32, shape [n, keys]."""
    return torch.randint(1 << bits, (n, keys), generator=generator, dtype=torch.int32)


def minhash_keys(
    log: InteractionLog,
    fields: Sequence[Field],
    keys: int,
    bits: int,
    rows: int,
    by_neighbours: bool,
    generator: torch.Generator,
) -> Tensor:
    """Return b-bit minhashes (Li and König, WWW 2010) of the training rows in which values occur.

    Two values have the same key with probability J + (1 - J) / 2^bits, where J is the Jaccard similarity of the sets of
    rows in which they occur.

    Parameters
    ----------
    log : its training rows are looked at.
    fields : whose values, in this order.
    keys, bits : number of keys of a value, and bits of each.
    rows : most training rows that are looked at; of more, so many are drawn. Values in none of them get random keys.
    by_neighbours : whether a user is described by the items of its rows instead, and an item by the users.
    generator : of the permutations, and of the rows that are drawn.

    Returns
    -------
    int32, shape [values of all fields, keys].
    """
    looked_at = log.rows("train")
    if len(looked_at) > rows:
        looked_at = looked_at[torch.randperm(len(looked_at), generator=generator)[:rows].sort().values]
    occurrences = _Occurrences(log, fields, looked_at, by_neighbours)
    found = random_keys(sum(field.vocabulary_size for field in fields), keys, bits, generator)
    for key in range(keys):
        drawn = {
            name: torch.randperm(size, generator=generator).numpy() for name, size in occurrences.universes.items()
        }
        # Not the least rank itself is the key, which is small for frequent values, but a random number in its place.
        names = {
            name: torch.randint(1 << bits, (size,), generator=generator, dtype=torch.int32)
            for name, size in occurrences.universes.items()
        }
        first = 0
        for field, (universe, least) in zip(fields, occurrences.least(drawn), strict=True):
            own = found[first : first + field.vocabulary_size, key]
            occurs = least < occurrences.universes[universe]
            own[occurs] = names[universe][least[occurs]]
            first += field.vocabulary_size
    return found


def simhash_keys(target: Tensor, keys: int, bits: int, generator: torch.Generator) -> Tensor:
    """Return keys whose bits are the sides of random hyperplanes that vectors lie on (Charikar, STOC 2002).

    Two vectors have the same key with probability (1 - angle / π)^bits.

    Parameters
    ----------
    target : float32, shape [n, d].
    keys, bits : number of keys of a vector, and bits of each.
    generator : of the hyperplanes.

    Returns
    -------
    int32, shape [n, keys].
    """
    planes = torch.randn(target.shape[1], keys * bits, generator=generator)
    values = 1 << torch.arange(bits, dtype=torch.int32)
    parts = [((part @ planes) > 0).view(-1, keys, bits) * values for part in target.split(CHUNK)]
    return torch.cat([part.sum(2, dtype=torch.int32) for part in parts])


class _Occurrences:
    """In which rows of a log, or with which users or items, the values of some fields occur."""

    def __init__(self, log: InteractionLog, fields: Sequence[Field], rows: Tensor, by_neighbours: bool) -> None:
        self.log, self.fields = log, fields
        entities = {side: log.entity_rows(side, rows).long() for side in log.entities}
        both = by_neighbours and len(entities) == 2
        self.elements = {"rows": np.arange(len(rows))} | {side: own.numpy() for side, own in entities.items()}
        self.universes = {"rows": len(rows)} | {side: log.n_entities(side) for side in entities}
        """What sets are made of: rows, users and items, with their numbers."""
        self._described_by: list[str] = []
        groups: dict[str, Tensor] = {str(side): own for side, own in entities.items()}
        for field in fields:
            side = entity_side_of(field.name)
            other = {"user": "item", "item": "user", None: "rows"}[side]
            self._described_by.append(other if both and field.side == side else "rows")
            if field.side == "context":
                groups[field.name] = log.field_ids(field.name, rows).long()
        self._groups = {name: _Groups(own) for name, own in groups.items()}

    def least(self, ranks: dict[str, np.ndarray]) -> Iterator[tuple[str, Tensor]]:
        """Yield of each field's values the least rank of what they occur with, int64; the universe's size for nothing.

        Parameters
        ----------
        ranks : of the elements of each universe, a permutation.
        """
        of_rows = {name: own[self.elements[name]] for name, own in ranks.items()}
        of_entities: dict[tuple[EntitySide, str], Tensor] = {}
        for field, universe in zip(self.fields, self._described_by, strict=True):
            nothing = self.universes[universe]
            if field.side == "context":
                yield universe, self._groups[field.name].least(of_rows[universe], field.vocabulary_size, nothing)
                continue
            n_entities = self.log.n_entities(field.side)
            if (field.side, universe) not in of_entities:
                least = self._groups[field.side].least(of_rows[universe], n_entities, nothing)
                of_entities[field.side, universe] = least
            features = self.log.entities[field.side]
            own = of_entities[field.side, universe]
            if field.bag:
                values, offsets = features.bags[field.name]
                own = torch.repeat_interleave(own, offsets.diff())
            else:
                names = [other.name for other in self.log.schema.of(field.side, bag=False)]
                values = features.ids[:, names.index(field.name)]
            start = torch.full((field.vocabulary_size,), nothing)
            yield universe, start.scatter_reduce_(0, values.long(), own, "amin")


class _Groups:
    """Rows sorted by the value that they have, once for all minima over them."""

    def __init__(self, values: Tensor) -> None:
        found, order = values.sort()
        self._order = order.numpy()
        self._values, counts = torch.unique_consecutive(found, return_counts=True)
        self._starts = (counts.cumsum(0) - counts).numpy()

    def least(self, ranks: np.ndarray, size: int, nothing: int) -> Tensor:
        """Return the least rank of each value's rows, int64, shape [size]; `nothing` for values without rows."""
        least = torch.full((size,), nothing)
        if len(self._order):
            least[self._values] = torch.from_numpy(np.minimum.reduceat(ranks[self._order], self._starts))
        return least
