"""The page on the data of pages holds every key that pages have, and no other."""

import json
import re

from cadc.cli import main
from cadc.ledger import Ledger
from cadc.ledger.sweeps import SweepNotes, SweepRun
from cadc.reporting.page.watch import Watch, sweep_to_watch
from tests.docs.documents import DOCUMENTS, ROOT
from tests.support.commands import train

PAGE = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
OPEN = ("metrics", "cost", "bytes", "rows", "tables", "configuration", "curves")
"""Keys of a run whose inner keys depend on the run; the page says what they hold as a whole."""


def data_of(path):
    return json.loads(PAGE.search(path.read_text())[1])


def documented(head):
    text = DOCUMENTS["docs/reference/page.md"].read_text().split(f"| {head} | holds |")[1].split("\n\n")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def keys(data):
    found = {"schema_version"} | {f"made.{key}" for key in data["made"]} | {"environments[]"}
    for experiment in data["experiments"]:
        for key, value in experiment.items():
            inner = key in ("metrics", "points", "calibration")
            found |= {f"experiments[].{key}[].{name}" for one in value for name in one} if inner else set()
            found |= set() if inner else {f"experiments[].{key}"}
    found |= {f"configuration[].{name}" for one in data["configuration"] for name in one}
    return found | {f"runs.ID.{key}" for run in data["runs"].values() for key in run}


def test_page_has_the_keys_of_committed_and_new_results(tmp_path, monkeypatch):
    train("sampler.rate=0.3", "embedding=hashing", "data.n_items=500")
    assert main(["page", "finished", str(ROOT / "results" / "samplers"), "--output", str(tmp_path / "page.html")]) == 0
    data = data_of(tmp_path / "page.html")
    assert keys(data) == documented("key")
    tables = [data["experiments"][0][name] for name in ("table", "comparisons", "strata")]
    assert {key for table in tables for column in table["columns"] for key in column} == documented("key of a column")
    kinds = DOCUMENTS["docs/reference/page.md"].read_text().split("| `kind` |")[1].split("\n")[0]
    assert {column["kind"] for table in tables for column in table["columns"]} <= set(re.findall(r"`(\w+)`", kinds))


def test_a_run_names_its_configuration_and_environment_by_place(tmp_path):
    train("sampler.rate=0.3", "seed=1")
    assert main(["page", "sampler.rate=0.3", "seed=1", "--output", str(tmp_path / "page.html")]) == 0
    data = data_of(tmp_path / "page.html")
    (run,) = data["runs"].values()
    values = {
        one["key"]: one["values"][at]
        for one, at in zip(data["configuration"], run["configuration"], strict=True)
        if at >= 0
    }
    assert values["sampler.rate"] == "0.3" and values["data"] == "synthetic" and values["seed"] == "1"
    assert data["environments"][run["environment"]]["threads"] == "1"
    assert len(run["curves"]["epoch"]) == run["cost"]["epochs"]


def test_page_has_the_keys_of_a_watched_sweep(tmp_path):
    ledger = Ledger()
    notes = SweepNotes(ledger, "", [SweepRun("a")])
    notes.work()
    Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", lambda line: None).look()
    assert set(data_of(tmp_path / "page.html")["live"]) == documented("key of `live`")
    notes.end(is_over=True)
