"""Every command and every Python block of the README runs; long ones on less data."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from cadc.cli import main
from cadc.ledger import Ledger
from tests.data.small_sources import N_RATINGS, write_movietweetings

README = (Path(__file__).parents[2] / "README.md").read_text()
SMALL = ["data.n_rows=4000", "trainer.max_epochs=1", "factorization.max_epochs=2"]
ALS_SMALL = [*SMALL[:2], "factorization.iterations=2"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line.split(" #")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith("cadc ") and "tweets" not in line]


def on_less_data(words: list[str]) -> list[str]:
    if words[0] in ("experiment", "report"):
        return [*words, "--fast", *(SMALL if words[1] == "quickstart" else SMALL[1:])]
    if words[0] == "train":
        small = ALS_SMALL if "factorization=als" in words else SMALL
        return [*[word for word in words if not word.startswith("data.n_rows")], *small]
    if words[0] == "ledger":
        # The runs of the commands before.
        ids = iter(Ledger().ids())
        return [next(ids) if word == "RUN" else word for word in words]
    if words[0] == "tune":
        return [
            *[word for word in words if not word.startswith(("data.n_rows", "tune.trials"))],
            *SMALL,
            "tune.trials=2",
        ]
    return words


def is_real(command: str) -> bool:
    return "ml-1m" in command or "ml1m" in command


def is_launched(command: str) -> bool:
    """Whether it needs an extra; tests/cluster/test_readme.py runs those."""
    return "hydra/launcher" in command


def test_readme_has_the_commands_that_this_file_knows() -> None:
    assert {command.split()[1] for command in commands()} == {
        "train",
        "experiment",
        "tune",
        "report",
        "data",
        "ledger",
        "sync",
    }


def test_commands_on_generated_data_run(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands():
        if not is_real(command) and not is_launched(command) and not command.startswith("cadc sync"):
            assert main(on_less_data(shlex.split(command)[1:])) == 0, command
            if command.startswith("cadc ledger export"):
                assert len((tmp_path / "runs.csv").read_text().splitlines()) == 1 + len(Ledger().ids())
    assert (tmp_path / "runs.csv").exists()
    assert (tmp_path / "outputs" / "quickstart" / "figure.png").exists()
    assert len(list((tmp_path / "outputs" / "tune").iterdir())) == 3


def test_commands_that_send_run(tmp_path, monkeypatch, wandb_server) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *SMALL, "model=bias"]) == 0
    (run_id,) = Ledger().ids()
    results = tmp_path / "results" / "quickstart"
    results.mkdir(parents=True)
    (results / "provenance.json").write_text(json.dumps({"runs": {"biases only": [run_id]}}))
    (results / "table.csv").write_text("arm\nbiases only\n")
    for command in commands():
        if command.startswith("cadc sync"):
            assert main(shlex.split(command)[1:]) == 0, command
    assert {name: run.group for name, run in wandb_server.runs.items()} == {
        run_id: "quickstart",
        "table-quickstart": "quickstart",
    }


def test_the_search_space_of_the_readme_is_one(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks("yaml") if block.startswith("space:"))
    Path("mine.yaml").write_text(block)
    assert main(["tune", "tune=mine.yaml", "tune.trials=1", *SMALL]) == 0


@pytest.mark.realdata
def test_commands_on_movielens_run(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for command in filter(is_real, commands()):
        assert main(on_less_data(shlex.split(command)[1:])) == 0, command
    assert (tmp_path / "outputs" / "cadc_ml1m" / "table.md").exists()


def run_own_table(tmp_path: Path, monkeypatch, capsys) -> str:
    """Run the lines that make and use a table of one's own, and return what they print.

    The shell gets a `cadc` that knows where the raw files are and writes the other commands down; these then run in
    this process, which spares starting Python for each.
    """
    assert main(["data", "fetch", "movietweetings"]) == 0
    folder = capsys.readouterr().out.strip()
    script = next(block for block in blocks("bash") if "tweets.csv" in block)
    work, shim = tmp_path / "work", tmp_path / "bin" / "cadc"
    work.mkdir()
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\nif [ "$*" = "data fetch movietweetings" ]; then echo "{folder}"; else echo "$*" >> commands; fi\n'
    )
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euc", script], cwd=work, env=os.environ | {"PATH": path}, timeout=60)
    assert done.returncode == 0
    monkeypatch.chdir(work)
    commands = (work / "commands").read_text().splitlines()
    assert [command.split()[0] for command in commands] == ["data", "train"]
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert (work / "outputs" / "data" / "table" / "activity.png").exists()
    return capsys.readouterr().out


def test_own_table_of_the_readme_works(tmp_path, monkeypatch, capsys) -> None:
    write_movietweetings(tmp_path / "publishers" / "movietweetings")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "publishers"))
    out = run_own_table(tmp_path, monkeypatch, capsys)
    assert f"{N_RATINGS} rows" in out
    assert "genres 6 (bag)" in out


@pytest.mark.realdata
def test_own_table_of_the_readme_works_on_the_publishers_files(tmp_path, monkeypatch, capsys) -> None:
    assert "100,000 rows,  50.5 % positive" in run_own_table(tmp_path, monkeypatch, capsys)


def test_python_blocks_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    assert main(["train", *SMALL, "initializer=mf", "initializer.freeze=true"]) == 0
    names: dict[str, object] = {}
    for block in blocks("python"):
        if "(Sampler)" not in block:
            exec(block, names)
    assert len(names["runs"]) == 1
    assert names["batch"].ids.shape == (256, 6)


def test_the_sampler_of_the_readme_works(tmp_path) -> None:
    from cadc.data.preparation import prepare
    from cadc.data.sources.synthetic import Synthetic
    from cadc.data.split.random import RandomSplit
    from cadc.randomness import numpy_generator

    names: dict[str, object] = {}
    exec(next(block for block in blocks("python") if "(Sampler)" in block), names)
    log = prepare(Synthetic(n_rows=1000), RandomSplit())
    assert names["FirstRows"](rate=0.1)(log, numpy_generator(0, "sample")).rows.tolist() == list(range(80))


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    for link in links:
        assert (Path(__file__).parents[2] / link).exists(), link
