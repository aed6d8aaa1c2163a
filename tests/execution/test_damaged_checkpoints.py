"""A checkpoint that is not what was written is not resumed from: the run starts anew, with the same numbers."""

import numpy as np
import pytest

from cadc.ledger import Ledger
from cadc.pipeline import evaluate as evaluation
from tests.storage.corruptions import DAMAGES
from tests.support.commands import TINY, cadc

RUN = ("train", *TINY, "initializer=mf", "trainer.patience=99")
OF_ONE_FILE = [
    kind for kind in DAMAGES if kind not in ("exchange_files", "add_file", "nothing_in_it", "link_elsewhere")
]


def stops(*_):
    raise KeyboardInterrupt


def result(ledger):
    (record,) = list(ledger)
    files = [(ledger.path(record["id"]) / name).read_bytes() for name in ("scores.parquet", "model.safetensors")]
    return [record["id"], record["metrics"], *files]


@pytest.fixture(scope="module")
def undisturbed(session_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_RUNS", str(folder))
        patch.setenv("CADC_CACHE", str(session_cache))
        assert cadc(*RUN).status == 0
        return result(Ledger())


@pytest.mark.parametrize("kind", [None, *OF_ONE_FILE])
def test_a_run_with_a_damaged_checkpoint_ends_as_one_that_was_never_interrupted(kind, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", stops)
        assert cadc(*RUN).status == 130
    ledger = Ledger()
    (checkpoint,) = ledger.folder.glob(".unfinished/*/checkpoints/*.ckpt")
    if kind is not None:
        DAMAGES[kind](checkpoint, np.random.default_rng(len(kind)))
    answer = cadc(*RUN)
    assert answer.status == 0, answer.err
    assert result(ledger) == undisturbed
    assert (", resumed" in answer.err) == (kind is None)
    is_said = f"the checkpoint {checkpoint} is damaged" in answer.err and "starts from its beginning" in answer.err
    assert is_said == (kind not in (None, "delete")), answer.err
    assert [path.name for path in ledger.folder.iterdir()] == [undisturbed[0]]
