"""Whatever a name holds, it shows as it is in what is written, and does nothing there."""

import csv
import io
import json
import re
import warnings
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import cadc as package
from cadc import escape
from cadc.configuration.safe_yaml import dump_yaml
from cadc.data.sources.table import Table
from cadc.errors import CadcError, UsageError
from cadc.ledger.record_schema import check_record
from cadc.reporting.drawn.figure import save, write_figure
from cadc.reporting.table import build_table
from cadc.reporting.written.latex import latex
from cadc.reporting.written.markdown import markdown_rows, markdown_table
from cadc.storage.csv_tables import as_written, csv_text
from tests.support.commands import TINY, cadc

PRINTABLE = [
    r"a $\bad{x}$ b",
    "$x$",
    "$",
    r"\$x\$",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt;",
    "=cmd()",
    "=1+1",
    '=HYPERLINK("http://elsewhere")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "'=x",
    "''=x",
    " =1+1",
    "-0.1",
    "1e5",
    "a|b",
    "`code`",
    "*bold* _it_ __b__ l2_bias _x",
    "[link](javascript:alert(1))",
    "~~gone~~",
    r"\textbf{x} \input{/etc/passwd} 50 % & # ~ ^ { }",
    "[0.5ex] x",
    "*[1ex]",
    "[red]x[/red]",
    "[/]",
    ":smile:",
    "_hidden",
    "__all__",
    "müller, grün",
    "数据 集",
    "بيانات",
    "😀 🎉",
    '"quoted", and',
    "nan",
    "None",
    "#1",
    "% comment",
    "a" * 10_000,
    "x" * 9_999 + "y",
]
"""Names that are on one line, as those of arms must be."""

OTHERS = [
    "\x1b[31mred",
    "a\nb",
    "a\r\nb",
    "\t=1",
    "\r=1",
    "a\x00b",
    "\u202eevil",
    "\u2066x",
    "\x07",
    "",
    "   ",
    "\ud800",
    "a\u2028b",
]
"""Names that are not."""

NAMES = [*PRINTABLE, *OTHERS]
TEXTS = st.sampled_from(NAMES) | st.text(max_size=30)


@given(TEXTS)
def test_a_name_is_one_harmless_line_on_a_terminal(name):
    shown = escape.terminal(name)
    assert shown.isprintable()
    assert shown == name or not name.isprintable()
    assert escape.terminal(shown) == shown


@given(TEXTS)
def test_a_cell_is_no_formula_and_is_read_back(name):
    cell = escape.csv_cell(name)
    assert escape.from_csv_cell(cell) == name
    if cell.lstrip("' \t\r\n")[:1] in ("=", "+", "-", "@") and not cell.startswith("'"):
        float(cell)


@given(st.floats() | st.integers())
def test_a_number_stays_a_number_in_a_cell(number):
    assert escape.csv_cell(repr(number)) == repr(number)


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False)), min_size=1, max_size=5))
def test_a_table_of_names_is_read_back_from_its_csv(rows):
    rows = [(name.encode(errors="replace").decode().replace("\r", ""), number) for name, number in rows]
    table = pd.DataFrame(rows, columns=["=name", "number"])
    text = csv_text(table)
    head, *cells = csv.reader(io.StringIO(text))
    assert head == ["'=name", "number"] and len(cells) == len(rows)
    read = pd.read_csv(io.StringIO(text), dtype={"'=name": str}, keep_default_na=False, float_precision="round_trip")
    pd.testing.assert_frame_equal(as_written(read), table, check_dtype=False)


@given(TEXTS)
def test_a_name_is_text_in_latex(name):
    shown = escape.latex(name)
    undone = shown
    for letter, written in escape.LATEX.items():
        if letter not in "\\{}":
            undone = undone.replace(written, letter)
    for letter, written in (("{", r"\{"), ("}", r"\}")):
        undone = undone.replace(written, f"\0{ord(letter)}")
    undone = undone.replace(escape.LATEX["\\"], "\\").replace(f"\0{ord('{')}", "{").replace(f"\0{ord('}')}", "}")
    assert undone == escape.terminal(name)
    bare = re.sub(r"\\(?:[&%$#_{}]|text\w+\{\})|\{[\[*]\}", "", shown)
    assert not set(bare) & set("\\&%$#_{}~^<>[*")


@given(TEXTS)
def test_a_name_is_text_in_markdown(name):
    parsed = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    tokens = parsed.parse(markdown_rows(["head", "other"], [[name, "beside"]]))
    cells = [token for token in tokens if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["head", "other"] and len(cells) == 4
    parts = cells[2].children or []
    assert all(part.type in ("text", "text_special") for part in parts), [part.type for part in parts]
    assert "".join(part.content for part in parts) == escape.terminal(name).strip()


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_drawn_as_it_is(name, tmp_path):
    figure = Figure((4, 3))
    axes = figure.subplots()
    drawn = escape.figure(name)
    axes.plot([1, 2], [1, 2], label=drawn)
    axes.set_title(drawn)
    axes.set_xticks([1, 2], [drawn, "b"])
    legend = axes.legend()
    with warnings.catch_warnings(), matplotlib_plain():
        warnings.simplefilter("error")
        save(figure, tmp_path / "figure.svg")
        save(figure, tmp_path / "figure.png", dpi=40)
        save(figure, tmp_path / "figure.pdf")
    assert len(legend.get_texts()) == 1
    texts = [
        "".join(node.itertext()).strip()
        for node in ET.parse(tmp_path / "figure.svg").iter()
        if node.tag.endswith("text")
    ]
    shown = escape.terminal(name, 80).strip() if name.strip() else repr(name)
    assert texts.count(shown) == 3, texts


def matplotlib_plain():
    import matplotlib as mpl

    return mpl.rc_context({"svg.fonttype": "none"})


def test_names_that_are_equal_when_shortened_are_told_apart():
    drawn = escape.figure_names(["x" * 10_000, "x" * 9_999 + "y", "_a", " _a"])
    assert len(set(drawn.values())) == 4
    assert all(len(text) < 120 and not text.startswith("_") for text in drawn.values())


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runs")
        patch.setenv("CADC_RUNS", str(folder))
        answer = cadc("train", *TINY, "model=bias")
        assert answer.status == 0
        yield json.loads(Path(answer.out.splitlines()[-1]).read_text())


@pytest.mark.parametrize("kind", ["rate", "time", "dim", "bars", "bytes", "heat"])
def test_all_kinds_of_figures_take_all_names(kind, record, tmp_path):
    runs = [(name, record | {"data": record["data"] | {"name": data}}) for name in PRINTABLE for data in OTHERS[:3]]
    table = build_table(runs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figure(kind, " ".join(NAMES[:20]), table.iloc[:30], tmp_path)
    ET.parse(tmp_path / "figure.svg")


def test_tables_take_all_names(record):
    table = build_table([(name, record) for name in PRINTABLE])
    read = as_written(pd.read_csv(io.StringIO(csv_text(table)), dtype={"arm": str}, keep_default_na=False))
    assert list(read["arm"]) == PRINTABLE
    assert len(markdown_table(table).splitlines()) == 2 + len(PRINTABLE)
    assert latex(table).count(r"\\") == 1 + len(PRINTABLE)


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self):
        super().__init__()
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


def test_a_run_in_a_notebook_shows_names_as_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "<img src=x onerror=alert(1)>"
    Path("log.csv").write_text("user,item,label\n" + "".join(f"{n % 20},{n % 13},{n % 2}\n" for n in range(400)))
    words = ["data=table", "data.path=log.csv", "data.user=user", "data.item=item", "data.label=label", "model=bias"]
    run = package.run(*words, f"data.name='{name}'")
    found = Tags()
    found.feed(run._repr_html_())
    assert found.tags == {"table", "tr", "th", "td"}
    assert "&lt;img" in run._repr_html_()


def test_an_experiment_with_hostile_names_writes_all_its_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ex").mkdir()
    arms = {name: ["model=bias"] for name in PRINTABLE[:30]}
    description = {"title": "T $x_$ \x1b[31m =1 [red] <b>", "claim": "c\n$x$", "source": "<b>", "seeds": [0]}
    description |= {"common": list(TINY), "arms": arms, "reference": PRINTABLE[7]}
    Path("ex/experiment.yaml").write_text(dump_yaml(description), encoding="utf-8")
    answer = cadc("experiment", "ex", "--output", "res")
    assert answer.status == 0, answer.err
    assert all(line.isprintable() for line in (answer.out + answer.err).splitlines())
    assert {"figure.png", "figure.svg", "table.csv", "table.md", "table.tex"} <= {p.name for p in Path("res").iterdir()}
    assert "[red]x[/red]" in answer.out and ":smile:" in answer.out
    with Path("res/table.csv").open(encoding="utf-8", newline="") as file:
        arms_written = [row[1] for row in csv.reader(file)][1:]
    assert [escape.from_csv_cell(cell) for cell in arms_written] == list(arms)
    assert not [cell for cell in arms_written if cell[0] in "=+@"]
    again = cadc("report", "ex", "--output", "res")
    assert again.status == 0, again.err


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "\ud800"])
def test_the_name_of_a_data_set_is_on_one_line(name):
    with pytest.raises(UsageError, match=r"data\.name is .*expected a text on one line"):
        Table(path="log.csv", label="label", user="user", name=name)


@pytest.mark.parametrize("run_id", ["../elsewhere", "/tmp/elsewhere", ".unfinished", "", "a/b", ".."])
def test_the_id_of_a_record_does_not_lead_out_of_a_ledger(run_id, record):
    check_record(record, "results/records.jsonl")
    with pytest.raises(CadcError, match=r"id is .*expected the name of a folder"):
        check_record(record | {"id": run_id}, "results/records.jsonl")


def test_results_of_others_name_runs_and_no_other_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results/quickstart").mkdir(parents=True)
    Path("results/quickstart/provenance.json").write_text(json.dumps({"runs": {"a": ["../../elsewhere"]}}))
    answer = cadc("sync", "--experiment", "quickstart")
    assert answer.status == 1
    assert "'../../elsewhere' is not the id of a run" in answer.sentence
