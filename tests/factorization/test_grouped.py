"""Examples grouped by value, from parts of any size, are the same as sorted at once."""

from collections import defaultdict
from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.factorization import examples as examples_module
from cadc.factorization.examples import Examples
from cadc.factorization.grouped import grouped_by_both
from cadc.factorization.logistic import LogisticMF
from tests.support.helpers import small_synthetic_log


class InParts(Examples):
    """Examples in parts of given sizes."""

    sizes = ()

    def parts(self):
        for first, second, labels in zip(*(own.split(self.sizes) for own in (*self.ids, self.labels)), strict=True):
            yield Examples((first, second), labels)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 7), st.integers(0, 1)), min_size=1, max_size=200), st.data()
)
@settings(deadline=None, max_examples=100)
def test_blocks_hold_the_examples_of_each_value_in_their_order(rows, data):
    cells, most_values = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 5))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=4)) | {0, len(rows)})
    first, second, labels = (torch.tensor(column) for column in zip(*rows, strict=True))
    given_in_parts = InParts((first.int(), second.int()), labels.float())
    object.__setattr__(given_in_parts, "sizes", [b - a for a, b in pairwise(cuts)])
    for place, grouped in enumerate(grouped_by_both(given_in_parts, (12, 8))):
        expected = defaultdict(list)
        for row in rows:
            expected[row[place]].append((row[1 - place], row[2]))
        found, lengths = {}, []
        for values, others, own_labels in grouped.blocks(cells, most_values):
            assert len(values) <= most_values
            assert others.numel() <= max(cells, others.shape[1])
            assert not own_labels[others == grouped.n_others].any()
            for value, ids, marks in zip(values.tolist(), others.tolist(), own_labels.int().tolist(), strict=True):
                assert value not in found
                n_own = sum(other < grouped.n_others for other in ids)
                assert all(other == grouped.n_others for other in ids[n_own:]), "padding stands last"
                found[value] = list(zip(ids[:n_own], marks[:n_own], strict=True))
                lengths.append(n_own)
        assert found == expected
        assert lengths == sorted(lengths, reverse=True)
        assert grouped.n_positive == sum(row[2] for row in rows)


def test_factorisation_has_the_same_bits_however_the_rows_are_cut_into_parts(monkeypatch):
    log = small_synthetic_log()
    rows = log.rows("train")[::2]
    at_once, _ = LogisticMF(max_epochs=3).fit(log, rows, 4)
    monkeypatch.setattr(examples_module, "PART_ROWS", 97)
    in_parts, _ = LogisticMF(max_epochs=3).fit(log, rows, 4)
    for field in at_once.fields:
        assert torch.equal(in_parts.vectors[field], at_once.vectors[field])
        assert torch.equal(in_parts.biases[field], at_once.biases[field])
