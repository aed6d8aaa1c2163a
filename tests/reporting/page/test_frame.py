"""A page is one file in which no text is more than a text, and which connects to nothing."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cadc.pipeline.settings import Settings
from cadc.reporting.missing import without_result
from cadc.reporting.page import data as page_data_module
from cadc.reporting.page.frame import html as page_html
from cadc.reporting.page.runs import thinned
from cadc.reporting.page.source import Source, from_results
from cadc.reporting.points import points
from cadc.reporting.table import build_table
from tests.docs.documents import ROOT
from tests.reporting.made_up import record

NAMES = (
    "<script>alert(1)</script>",
    r"$\bad{x}$",
    "</script><!-- ",
    "\u2028\u2029 &amp; \"'` {{ 7 * 7 }} {% raw %}",
)


def source(name):
    runs = [(name, record("sampler.rate=0.1", f"seed={seed}")) for seed in (0, 1)]
    table = build_table(runs)
    text = dict.fromkeys(("title", "claim", "source", "command"), name)
    assert len(points(runs)) == 1
    return Source(name, table=table, points=points(runs), verdicts=[name, name], notes=[name], **text)


class Elements(HTMLParser):
    """Collects the elements of a page, and the text of its scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.scripts, self.addresses, self.is_script = [], [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.is_script = tag == "script"
        if self.is_script:
            self.scripts.append(["", dict(attrs)])

    def handle_endtag(self, tag):
        self.is_script = False

    def handle_data(self, text):
        if self.is_script:
            self.scripts[-1][0] += text


def parsed(text):
    found = Elements()
    found.feed(text)
    return found


def tags_of(name):
    return parsed(page_html(page_data_module.page_data([source(name)], None))).tags


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_a_text(name):
    written = page_html(page_data_module.page_data([source(name)], None, command=name))
    assert tags_of(name) == tags_of("plain")
    (data,) = [text for text, attributes in parsed(written).scripts if attributes.get("id") == "data"]
    experiment = json.loads(data)["experiments"][0]
    assert experiment["claim"] == name and experiment["table"]["rows"][0][1] == name
    assert not re.search("[<>&\u2028\u2029]", data)
    assert html.escape(name, quote=False).partition('"')[0] in written.partition("<main")[2]


def test_a_browser_runs_the_scripts_of_the_page_alone_and_connects_to_nothing():
    written = page_html(page_data_module.page_data([source("arm")], None))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', written)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    run = [text for text, attributes in parsed(written).scripts if "type" not in attributes]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in run}
    assert set(rules["script-src"].split()) == hashes
    assert "unsafe" not in rules["script-src"]


def test_a_row_of_which_no_run_has_a_result_stands_between_the_others():
    failed = without_result(Settings.compose(["data=synthetic", "model=bias"]), "failed")
    runs = [("one", record("data=synthetic", "seed=0")), ("two", record("data=synthetic", "model=bias", "seed=0"))]
    table = build_table([runs[0], ("failed arm", failed), runs[1]])
    data = page_data_module.page_data([Source("name", "title", table, points=points(runs))], None)
    assert data["experiments"][0]["points"] == [
        {"name": "one", "runs": [runs[0][1]["id"]]},
        {"name": "failed arm", "runs": []},
        {"name": "two", "runs": [runs[1][1]["id"]]},
    ]
    assert page_html(data).count("<h1") == 2


def test_a_page_of_500_runs_with_curves_of_50_epochs_has_at_most_3_mb():
    sources = [from_results(ROOT / "results" / name) for name in ("two_axes", "views")]
    data = page_data_module.page_data(sources, None)
    assert len(data["runs"]) > 500
    rng = np.random.default_rng(0)
    history = pd.DataFrame({"epoch": range(1, 51)} | {name: rng.random(50) for name in ("auc", "logloss", "loss")})
    for run in data["runs"].values():
        run["curves"] = thinned(history)
    assert len(page_html(data).encode()) <= 3_000_000


def test_curves_are_thinned_to_200_epochs_with_the_last_and_keep_six_digits():
    history = pd.DataFrame({"epoch": range(1, 1002), "loss": 1 / np.arange(1, 1002), "remark": "text"})
    found = thinned(history)
    assert list(found) == ["epoch", "loss"]
    assert len(found["epoch"]) <= 200 and found["epoch"][-1] == 1001
    assert found["loss"] == [float(f"{1 / epoch:.6g}") for epoch in found["epoch"]]
    assert thinned(pd.DataFrame({"epoch": [1, 2], "auc": [np.nan, np.inf]})) == {"epoch": [1, 2], "auc": [None, None]}
    assert thinned(pd.DataFrame({"epoch": []})) == {"epoch": []}


def test_a_page_names_no_file_but_itself():
    written = page_html(page_data_module.page_data([source("arm")], None))
    assert all(address.startswith("#") for address in parsed(written).addresses)
