"""`cadc plot`: any metric, cost or byte count of the ledger's runs against a key."""

import re
from xml.etree import ElementTree

import pytest

from tests.support.commands import TINY, cadc


@pytest.fixture
def swept():
    answer = cadc(
        "train", "-m", *TINY, "model=label_mean", "sampler.rate=0.05,0.5", "seed=0,1", "data.split_seed=${seed}"
    )
    assert answer.status == 0, answer.err


def test_runs_are_drawn_and_the_file_is_named(swept, tmp_path):
    answer = cadc("plot", "x=sampler.rate", "y=auc")
    assert (answer.status, answer.out) == (0, "4 runs; written to outputs/plots/auc-by-sampler.rate.png\n")
    for name, begin in (("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.png", b"\x89PNG")):
        for _ in range(2):
            answer = cadc(
                "plot", "x=sampler.rate", "y=evaluate_s", "by=model", "facet=data", "--output", tmp_path / name
            )
            assert answer.status == 0, answer.err
        assert (tmp_path / name).read_bytes().startswith(begin)
    svg = (tmp_path / "a.svg").read_text()
    page = cadc("plot", "x=sampler.rate", "y=evaluate_s", "by=model", "facet=data", "--output", tmp_path / "a.html")
    assert page.status == 0, page.err
    (drawn,) = ElementTree.fromstring(re.search(r"<figure.*</figure>", (tmp_path / "a.html").read_text(), re.S)[0])
    assert ElementTree.tostring(drawn).strip() == ElementTree.tostring(ElementTree.fromstring(svg))
    for text in ("evaluate_s (s)", "sampler.rate", "data = synthetic", "label_mean", "Means over 2 seeds"):
        assert text in svg, text


def test_an_empty_ledger_is_answered_as_by_other_commands():
    answer = cadc("plot", "x=sampler.rate", "y=auc")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == cadc("table").err


def test_what_cannot_be_drawn_is_said_with_the_way_forward(swept, tmp_path):
    for words, sentence in (
        (["x=sampler.rate"], "`cadc plot` lacks y=; name both axes, such as `cadc plot x=sampler.rate y=auc`."),
        (["x=sampler.rat", "y=auc"], "as a key, metric, cost or byte count; did you mean sampler.rate"),
        (["x=sampler.rate", "y=ndcg@10"], "no run has the metric ndcg@10"),
        (["x=sampler.rate", "y=model"], "y=model holds 'label_mean', which is not a number."),
        (["x=model", "y=auc"], "in all 4 runs, so nothing can be drawn against it; they differ in sampler.rate"),
        (["x=sampler.rate", "y=auc", "seed=7"], "has no finished runs that match seed=7"),
        (["x=sampler.rate", "y=auc", "--output", "a.gif"], "ends in '.gif'; expected one of .png, .svg, .pdf, .html."),
    ):  # fmt: skip
        answer = cadc("plot", *words)
        assert answer.status in (1, 2) and sentence in answer.err, (words, answer.err)
