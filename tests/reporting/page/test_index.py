"""The index of a folder of results leads to every experiment, and takes its texts for texts."""

import json
import shutil
from html import escape, unescape
from urllib.parse import unquote

import pytest

from tests.docs.documents import ROOT
from tests.reporting.page.test_frame import parsed
from tests.support.commands import cadc

RESULTS = ROOT / "results"
COMMITTED = sorted(path.parent.name for path in RESULTS.glob("*/provenance.json"))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """The index of the committed results, written elsewhere."""
    output = tmp_path_factory.mktemp("index") / "index.html"
    answer = cadc("page", "--index", RESULTS, "--output", output)
    assert answer.status == 0, answer.err
    assert f"{len(COMMITTED)} experiments; written to" in answer.out
    return output


def test_every_committed_experiment_is_in_the_index_and_its_links_lead_somewhere(indexed):
    text = indexed.read_text()
    found = parsed(text)
    for name in COMMITTED:
        known = json.loads((RESULTS / name / "provenance.json").read_text())
        assert f'id="{name}"' in text
        assert known["claim"] in unescape(text)
        assert f"/{name}/table.md" in text
    inside = [address for address in found.addresses if not address.startswith("#")]
    assert len(inside) > 2 * len(COMMITTED)
    assert any(address.endswith("/claims.md") for address in inside)
    for address in inside:
        assert "//" not in address and (indexed.parent / unquote(address)).is_file(), address


def test_it_asks_the_network_for_nothing_and_is_small(indexed):
    text = indexed.read_text()
    assert len(text) < 200_000
    assert "default-src 'none'" in unescape(text) and "https:" not in text.partition("<main")[0]
    (data,) = [own for own, attributes in parsed(text).scripts if attributes.get("id") == "data"]
    rows = json.loads(data)["index"]["rows"]
    assert len(rows) == len(COMMITTED) and all(row[0] for row in rows)


def test_titles_are_texts(tmp_path):
    name = "</script><b>$x$"
    folder = tmp_path / "results" / "odd name"
    shutil.copytree(RESULTS / "cadc_ml1m", folder)
    known = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps(known | {"title": name, "claim": name, "source": name}))
    assert cadc("page", "--index", tmp_path / "results").status == 0
    text = (tmp_path / "results" / "index.html").read_text()
    assert "<b>" not in text and escape(name, quote=False) in text
    links = [address for address in parsed(text).addresses if "table.md" in address]
    assert links == ["odd%20name/table.md"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere holds no results; name a folder such as results"),
        (["a", "b"], "takes one folder of results, but got 2"),
        (["--watch"], "--index and --watch were both given"),
    ],
)
def test_what_is_no_folder_of_results_is_a_sentence(words, said):
    answer = cadc("page", "--index", *words)
    assert answer.status == 2
    assert said in answer.sentence
