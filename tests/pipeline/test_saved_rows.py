"""What a run saves of each held-out row beside its score."""

import numpy as np
import pandas as pd
import pytest

from cadc.evaluation.coherence import coherence
from cadc.evaluation.user_coherence import trained_items
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import TINY, folders, train


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("model=bias",), "scores.parquet"),
        (("data/split=leave_one_out", "model=two_tower", "trainer=ranking", "trainer.max_epochs=1"), "ranks.parquet"),
    ],
)
def test_saved_rows_say_how_coherent_their_user_is(words, file, session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        rows = pd.read_parquet(train(*words) / file)
        log = open_log(Settings.compose([*TINY, *words]))
    found = coherence(trained_items(log))
    place = pd.Series(np.arange(len(log.entity_keys("user"))) + 1, log.entity_keys("user"))[rows["user"]]
    for name, values in zip(("user_surprise", "user_conditional_surprise"), found, strict=True):
        np.testing.assert_allclose(rows[name], values[place], rtol=1e-6)


def test_rows_of_streams_say_nothing_that_later_segments_tell(session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        run = train("data/split=segments", "data.split.n=2", "policy=equal", "trainer.max_epochs=1")
    assert not [name for name in pd.read_parquet(run / "scores.parquet") if name.endswith("surprise")]
