"""What several ranks cannot train as one process does is refused, before the first step."""

import pytest

from tests.distributed import programs
from tests.distributed.processes import on_ranks

SMALL = ("data=synthetic", "data.n_rows=1000", "embedding.dim=4", "trainer.accelerator=cpu", "trainer.max_epochs=1")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("model=two_tower", "trainer=ranking", "data/split=leave_one_out"), "depends on the other rows of its batch"),
        (("model=sasrec", "trainer=ranking", "data/split=leave_one_out"), "set the model's dropout to 0"),
        (("trainer.batch_size=2",), "3 processes train on batches of 2 rows"),
        (("sampler.rate=0.0025",), "3 processes train on 2 rows"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_a_sentence(overrides, sentence):
    for found in on_ranks(programs.fitted, 3, overrides=(*SMALL, *overrides)):
        assert found["error"].startswith("NotTogether")
        assert sentence in found["error"]
