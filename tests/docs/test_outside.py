"""What of the documents needs a server, raw files or an extra: sent runs, published data, a table of one's own."""

import json
import shlex
from pathlib import Path

import pytest

from cadc.cli import main
from cadc.ledger import Ledger
from tests.data.small_sources import N_RATINGS, write_movietweetings
from tests.docs.documents import DOCUMENTS, blocks, commands, is_real, is_sent, on_less_data, shell

ALL = {command: path for path in DOCUMENTS.values() for command in commands(path)}


def test_commands_that_send_run(workplace, monkeypatch, wandb_server) -> None:
    results = workplace / "results" / "quickstart"
    results.mkdir(parents=True)
    for command in filter(is_sent, ALL):
        assert main(on_less_data(shlex.split(command)[1:])) == 0, command
        (run_id,) = Ledger().ids()
        (results / "provenance.json").write_text(json.dumps({"runs": {"biases only": [run_id]}}))
        (results / "table.csv").write_text("arm\nbiases only\n")
    assert {name: run.group for name, run in wandb_server.runs.items()} == {
        run_id: "quickstart",
        "table-quickstart": "quickstart",
    }


@pytest.mark.realdata
def test_commands_on_movielens_run(workplace, capsys) -> None:
    real = [command for command in ALL if is_real(command)]
    assert real
    for command in real:
        assert main(on_less_data(shlex.split(command)[1:])) == 0, command


def run_own_table(folder: Path, capsys) -> str:
    """Run the lines that make and use a table of one's own, and return what they print.

    The shell gets a `cadc` that knows where the raw files are and writes the other commands down; these then run in
    this process, which spares starting Python for each.
    """
    assert main(["data", "fetch", "movietweetings"]) == 0
    raw = capsys.readouterr().out.strip()
    page = DOCUMENTS["docs/how-to/own-data.md"]
    script = "\n".join(block.text for block in blocks(page) if "tweets.csv" in block.text)
    shim = folder / "bin" / "cadc"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\nif [ "$*" = "data fetch movietweetings" ]; then echo "{raw}"; else echo "$*" >> commands; fi\n'
    )
    shim.chmod(0o755)
    shell(script, folder, PATH=f"{shim.parent}:/usr/local/bin:/usr/bin:/bin")
    ran = (folder / "commands").read_text().splitlines()
    assert [command.split()[0] for command in ran] == ["data", "train", "data", "data", "data"]
    for command in ran:
        assert main(shlex.split(command)) == 0, command
    assert list((folder / "outputs" / "data").glob("table-*/activity.png"))
    return capsys.readouterr().out


def test_own_table_works(tmp_path, workplace, monkeypatch, capsys) -> None:
    write_movietweetings(tmp_path / "publishers" / "movietweetings")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "publishers"))
    out = run_own_table(workplace, capsys)
    assert f"{N_RATINGS} rows" in out
    assert "genres 6 (bag)" in out
    assert out.count("test                 120 rows") == 2


@pytest.mark.realdata
def test_own_table_works_on_the_publishers_files(workplace, capsys) -> None:
    assert "100,000 rows,  50.5 % positive" in run_own_table(workplace, capsys)
