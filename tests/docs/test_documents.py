"""Every command and every Python block of README and docs runs, page by page, on little data."""

import re

import pytest

from cadc.ledger import Ledger
from tests.docs import documents
from tests.docs.documents import DOCUMENTS, NOTEBOOKS, ROOT, blocks, cells, commands, links, little_code, run_document

PAGES = [name for name, path in DOCUMENTS.items() if blocks(path)]
PLUGIN = "docs/how-to/own-method.md"


def test_documents_show_every_command() -> None:
    shown = {command.split()[1] for path in DOCUMENTS.values() for command in commands(path)}
    assert shown == {
        "train", "experiment", "tune", "report", "table", "data", "ledger", "sync", "export", "predict", "cache",
        "page", "plot", "doctor", "claims", "rerun",
    }  # fmt: skip


def test_no_entry_of_the_changelog_occurs_twice() -> None:
    # Git joins the entries of two branches, and an entry that one of them moved is then there twice.
    entries = re.split(r"^- ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert sorted(set(entries)) == sorted(entries)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in (PLUGIN, "README.md")])
def test_page_runs(page, workplace, capsys) -> None:
    run_document(DOCUMENTS[page], workplace)


def test_page_on_own_methods_runs(workplace, monkeypatch, forget_plugins, capsys) -> None:
    run_line = documents._run_line

    def run_or_install(line, path):
        if line == "pip install --editable .":
            documents.install_plugin(workplace)
            forget_plugins()
        else:
            run_line(line, path)

    monkeypatch.setattr(documents, "_run_line", run_or_install)
    run_document(DOCUMENTS[PLUGIN], workplace)
    used = {Ledger().record(run)["config"]["choices"]["sampler"] for run in Ledger().ids()}
    assert "first_rows" in used


def test_readme_runs(workplace, capsys) -> None:
    rng = [f"{row % 40},{row % 31},{1 + row * 7 % 5},{row}" for row in range(2000)]
    (workplace / "ratings.csv").write_text("\n".join(["who,movie,stars,when", *rng]) + "\n")
    names = run_document(DOCUMENTS["README.md"], workplace)
    assert {"run", "swept"} <= set(names)
    assert list((workplace / "outputs").glob("quickstart*/figure.png"))


def test_readme_is_short() -> None:
    assert len(DOCUMENTS["README.md"].read_text().splitlines()) <= 150


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_linked_file_exists(name) -> None:
    # Pages of the API are written when the documentation is built.
    wanted = [link for link in links(DOCUMENTS[name]) if "reference/api/" not in link and not link.startswith("api/")]
    assert [link for link in wanted if not (DOCUMENTS[name].parent / link).exists()] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, workplace) -> None:
    names: dict[str, object] = {}
    for cell in cells(notebook):
        exec(compile(little_code(cell), notebook.name, "exec"), names)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_output(notebook) -> None:
    assert '"outputs": []' in notebook.read_text()
    assert not re.search(r'"(execution_count|text/plain)": [^n]', notebook.read_text())


def test_architecture_names_every_package() -> None:
    packages = {
        path.name if path.is_dir() else path.stem
        for path in (ROOT / "cadc").iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and not path.name.startswith("_"))
    }
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|", DOCUMENTS["docs/architecture.md"].read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(packages)
