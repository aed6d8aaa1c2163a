"""The numbers that README quotes are those of the results; a changed table turns this red until README follows."""

import re

import pandas as pd
import pytest

from cadc.experiment import load_experiment
from tests.docs.documents import ROOT

RESULTS = ROOT / "results"
README = (ROOT / "README.md").read_text()
MEASURED = re.compile(r"\d+\.\d{2,}|\d+ %|\d+ s\b")
"""What looks like a result: decimals, shares and seconds."""


def plain(text):
    """Return the text on one line."""
    return " ".join(text.split())


def claims(experiment, **columns):
    """Return the figures of an experiment's claims, chosen by their columns."""
    found = pd.read_csv(RESULTS / "claims.csv")
    for name, value in {"experiment": experiment, **columns}.items():
        found = found[found[name] == value]
    assert len(found), f"results/claims.csv has no {experiment}, {columns}"
    return found


def of_recipe():
    """Return what README says of the published recipe."""
    by_share = claims("paper_two_tower", arm="mf frozen", rate=0.1, quantity="ndcg@10", against="full data at 100 %")
    line = by_share.iloc[0]
    table = pd.read_csv(RESULTS / "paper_two_tower" / "table.csv")
    frozen = table[(table["arm"] == "mf frozen") & (table["rate"] == 0.1)].iloc[0]
    full = table[table["arm"] == "full data"].iloc[0]
    alone = claims("paper_time_saved", arm="MF alone", quantity="ndcg@10").iloc[0]
    assert set(alone[["verdict", "outcome"]]) == {"holds", "better"}
    assert table.loc[table["arm"] == "MF alone", "ndcg@10_mean"].item() > frozen["ndcg@10_mean"]
    share, low, high = (f"{100 * line[name]:.0f}" for name in ("share", "share_low", "share_high"))
    seconds = f"{frozen['total_s_mean']:.0f} s in place of {full['total_s_mean']:.0f} s"
    return (
        f"on 10 % of the rows and in {seconds}, {share} % of the NDCG@10 that the same network has on all rows "
        f"(interval {low} to {high} %). The factorisation alone is ahead of both"
    )


def of_next_item():
    """Return what README says of the next item."""
    table = pd.read_csv(RESULTS / "next_item" / "table.csv").set_index(["dataset", "arm"])
    found = claims("next_item", arm="views", rate=0.02, against="SASRec, all rows at 100 %", quantity="ndcg@10")
    assert found["outcome"].str.startswith(("as good", "better")).all()
    views = table[table["rate"] == 0.02].xs("views", level="arm")
    network = table.xs("SASRec, all rows", level="arm")
    shown, seconds = ("{:.4f}".format, "{:.0f}".format)
    mine, theirs = (
        [shown(own.loc[data, "ndcg@10_mean"]) for data in ("ml-1m", "movietweetings")] for own in (views, network)
    )
    after = [seconds(own.loc["ml-1m", "total_s_mean"]) for own in (views, network)]
    return (
        f"weighed on 2 % of the rows, have an NDCG@10 of {mine[0]} on MovieLens 1M after {after[0]} s, and of "
        f"{mine[1]} on MovieTweetings; SASRec on all rows has {theirs[0]} after {after[1]} s, and {theirs[1]}"
    )


def of_views():
    """Return what README says of several views."""
    found = claims("views", arm="all views", rate=0.02, against="full data at 100 %", quantity="auc").set_index(
        "dataset"
    )
    assert set(claims("views", arm="all views", rate=0.02, against="full data at 100 %")["verdict"]) == {"holds"}
    gains = {name: f"{found.loc[name, 'value']:.4f}" for name in ("ml-1m", "movietweetings", "epinions")}
    return (
        "logistic regression on several views, fitted on 2 % of the rows, beats the best network found on all rows by "
        f"{gains['ml-1m']} AUC on MovieLens 1M, {gains['movietweetings']} on MovieTweetings and {gains['epinions']} on "
        "Epinions"
    )


def of_claims():
    """Return what README says of all claims."""
    counts = pd.read_csv(RESULTS / "claims.csv").drop_duplicates("number")["verdict_on_claim"].value_counts()
    words = {"holds": "hold", "fails": "fail", "undecided": "are undecided", "not run": "are not run"}
    parts = [f"{counts[verdict]} {word}" for verdict, word in words.items() if counts.get(verdict)]
    *first, last = parts
    return f"of {counts.sum()} claims {', '.join(first)}{' and ' if first else ''}{last}."


@pytest.mark.parametrize("sentence", [of_next_item, of_recipe, of_views, of_claims], ids=lambda own: own.__name__)
def test_numbers_in_the_readme_are_those_of_the_results(sentence):
    assert sentence() in plain(README)


def test_no_other_number_in_the_introduction_is_a_result():
    text = plain(README[: README.index("## Two commands")])
    for sentence in (of_next_item(), of_recipe(), of_views(), of_claims()):
        text = text.replace(sentence, "")
    assert MEASURED.findall(re.sub(r"!\[[^]]*\]|arXiv \S+|abs/\S+", "", text)) == []


def test_the_quickstart_in_the_readme_has_the_runs_and_rows_of_the_experiment():
    cells = load_experiment("quickstart").cells()
    assert f"carries out {len(cells)} runs" in plain(README)
    shown = README[README.index("```text") :].split("```")[1].splitlines()
    arms = {re.split(r" {2,}", line)[0] for line in shown[2 : shown.index("")]}
    assert arms == {cell.arm for cell in cells}
