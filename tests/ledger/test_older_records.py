"""Records of older versions are read as what they are; those of newer ones are refused."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cadc.errors import CadcError
from cadc.ledger import Ledger
from cadc.pipeline.schema_version import SCHEMA_VERSION
from tests.cli.conftest import experiments, write_experiment  # noqa: F401
from tests.support.commands import TINY, cadc, closing, train

OLD = Path(__file__).with_name("record_version_1.json")
EXPERIMENT = {
    # Values that were defaults when it was written.
    "common": ["data=ml-1m", "trainer.least_steps=0", "trainer.averaging=none", "trainer.grace_steps=0"],
    "seeds": [0],
    "arms": {"old": ["initializer=random", "sampler.rate=0.01", "model=dlrm_products", "trainer.lazy_tables=false"]},
}


@pytest.fixture
def old():
    """The record of a run as version 1 wrote it, in the ledger."""
    record = json.loads(OLD.read_text())
    folder = Ledger().path(record["id"])
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(OLD.read_text())
    return record


@pytest.mark.parametrize("without", [(), ("schema_version",), ("schema_version", "status")], ids=str)
def test_an_old_record_is_a_finished_run(old, without):
    ledger = Ledger()
    kept = {key: value for key, value in old.items() if key not in without}
    (ledger.path(old["id"]) / "record.json").write_text(json.dumps(kept))
    assert ledger.status(old["id"]) == "finished"
    assert ledger.ids() == [old["id"]]
    frame = ledger.frame()
    assert frame["metrics.test/auc"].item() == old["metrics"]["test/auc"]


def test_a_report_finds_an_old_record(old, experiments):  # noqa: F811
    write_experiment(experiments, "old", **EXPERIMENT)
    answer = cadc("report", "old")
    assert answer.status == 0, answer.err
    assert "1 of 1 runs were made by other code than the present one" in answer.err
    assert pd.read_csv("outputs/old/table.csv")["auc_mean"].item() == round(old["metrics"]["test/auc"], 6)


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, "4"])
def test_a_record_of_a_newer_version_is_refused_and_kept(version):
    path = train("model=bias") / "record.json"
    newer = path.read_text().replace(f'"schema_version": {SCHEMA_VERSION}', f'"schema_version": {json.dumps(version)}')
    path.write_text(newer)
    said = f"{path} has the schema version {version!r}, but this cadc reads versions up to {SCHEMA_VERSION}"
    with pytest.raises(CadcError) as caught:
        Ledger().frame()
    assert str(caught.value).startswith(said)
    assert cadc("train", *TINY, "model=bias").sentence.startswith(f"cadc: {said}")
    sweep = cadc("train", "-m", *TINY, "model=bias,oracle")
    assert sweep.status == 1
    assert closing(sweep) == {"finished": 1, "failed": 1}
    assert said in sweep.err
    assert path.read_text() == newer
