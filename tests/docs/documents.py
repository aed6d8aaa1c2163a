"""The documents of the project as programs: their code blocks, in order, and how each kind is run on little data."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.cli import main
from cadc.ledger import Ledger

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if not {"_build", "api"} & set(path.relative_to(ROOT).parts)
}
"""README and every page that is written by hand, by path."""

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

SMALL = ["data.n_rows=4000", "trainer.max_epochs=1", "factorization.max_epochs=2"]
OF_FACTORIZATION = {"factorization=als": ["factorization.iterations=2"], "factorization=transitions": []}
"""What shortens a factorisation that has no `max_epochs`."""
LANGUAGES = ("bash", "python", "yaml", "toml")


@dataclass(frozen=True)
class Block:
    """A code block of a document."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block is the content of, which its first line names."""
        first = re.match(r"# (\S+/?\S*\.(?:py|yaml|toml))\n", self.text)
        return first[1] if first else None


def blocks(path: Path) -> list[Block]:
    """Return the code blocks of a document in a language that is run, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    return [Block(language, text) for language, text in found if language in LANGUAGES]


def commands(path: Path) -> list[str]:
    """Return the lines of a document that call cadc."""
    lines = [
        line.split(" #")[0].strip()
        for block in blocks(path)
        if block.language == "bash"
        for line in block.text.splitlines()
    ]
    return [line for line in lines if line.startswith("cadc ")]


def is_real(command: str) -> bool:
    """Whether it needs the publishers' files."""
    return "ml-1m" in command or "ml1m" in command


def is_on_own_table(command: str) -> bool:
    """Whether it needs the table that lines of a shell make; `test_own_table_works` runs those."""
    return "tweets." in command


def is_launched(command: str) -> bool:
    """Whether it needs an extra; tests/cluster/test_documents.py runs those."""
    return "hydra/launcher" in command or "factorization.workers" in command


def is_sent(command: str) -> bool:
    """Whether it talks to a server; `test_commands_that_send_run` runs those."""
    return command.startswith("cadc sync") or "logger=wandb" in command


def is_watching(command: str) -> bool:
    """Whether it follows a sweep that works meanwhile; tests/reporting/page/test_watch.py runs those."""
    return "--watch" in command


RUN_ELSEWHERE = (is_real, is_on_own_table, is_launched, is_sent, is_watching)


def on_less_data(overrides: list[str]) -> list[str]:
    """Return the words of a command so that it takes a second."""
    if overrides[0] in ("experiment", "report"):
        small = SMALL if overrides[1] in ("quickstart", "mine") else SMALL[1:]
        return [*dict.fromkeys([*overrides, "--fast"]), *small]
    if overrides[0] == "train":
        if any(word.startswith(("data=table", "data=coin", "data=recbole", "data=lightgcn")) for word in overrides):
            return [*overrides, "trainer.max_epochs=1"]
        own = [word for word in overrides if not word.startswith(("data.n_rows", "trainer.max_epochs"))]
        return [*own, *small_for(overrides)]
    if overrides[0] in ("ledger", "export", "predict", "rerun"):
        ids = iter(Ledger().ids())
        return [next(ids) if word == "RUN" else word for word in overrides]
    if overrides[0] == "tune":
        own = [word for word in overrides if not word.startswith(("data.n_rows", "tune.trials"))]
        return [*own, *small_for(overrides), "tune.trials=1"]
    return overrides


def small_for(overrides: list[str]) -> list[str]:
    """Return what makes a run short, by the factorisation that it chooses."""
    own = [OF_FACTORIZATION[word] for word in overrides if word in OF_FACTORIZATION]
    return [*SMALL[:2], *own[0]] if own else SMALL


def run_document(path: Path, folder: Path) -> dict[str, object]:
    """Run a document in the working directory, block by block, and return the names that its Python defined.

    Blocks that a file's name opens become that file. Commands of cadc run in this process, on less data; those of
    other programs are left out, but for `pip install --editable .`, which makes the plug-in of the document known.
    """
    names: dict[str, object] = {}
    for block in blocks(path):
        if block.file:
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.language == "python":
            exec(compile(little_code(block.text), f"{path.name}, a block", "exec"), names)
        elif block.language == "bash" and "<<END" not in block.text:
            for line in block.text.splitlines():
                _run_line(line.split(" #")[0].strip(), path)
    return names


def _run_line(line: str, path: Path) -> None:
    if line.startswith("cadc ") and not any(is_of(line) for is_of in RUN_ELSEWHERE):
        assert main(on_less_data(shlex.split(line)[1:])) == 0, f"{path}: {line}"
    elif line.startswith(("scripts/", ".ci/")):
        assert os.access(ROOT / line.split()[0], os.X_OK), f"{path}: {line}"


def little_code(code: str) -> str:
    """Return Python whose runs take a second."""
    small = ", ".join(f'"{word}"' for word in SMALL)
    code = re.sub(r'"(data\.n_rows|trainer\.max_epochs)=\d+",?\s*', "", code)
    return re.sub(r"cadc\.(run|sweep|lightning)\(", rf"cadc.\1({small}, ", code)


def install_plugin(folder: Path) -> None:
    """Make the package in a folder known as pip would: by the metadata of its entry points."""
    text = (folder / "pyproject.toml").read_text()
    name = re.search(r'^name = "(.*)"', text, re.MULTILINE)[1]
    points = re.search(r'entry-points\."cadc\.plugins"\]\n(.*?)(\n\[|\Z)', text, re.DOTALL)[1].replace('"', "")
    known = folder / f"{name}-0.1.dist-info"
    shutil.rmtree(known, ignore_errors=True)
    known.mkdir()
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (known / "entry_points.txt").write_text(f"[cadc.plugins]\n{points}\n")


def cells(notebook: Path) -> Iterator[str]:
    """Yield the code of a notebook's cells."""
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])


def links(path: Path) -> list[str]:
    """Return the local files that a document links to, includes or shows."""
    text = path.read_text()
    found = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(r"\{download\}`[^<`]*<([^>]+)>`", text)
    return found + re.findall(r"^```\{include\} (\S+)", text, re.MULTILINE)


def shell(script: str, folder: Path, **environment: str) -> None:
    """Run a script of bash."""
    done = subprocess.run(["bash", "-euc", script], cwd=folder, env=os.environ | environment, timeout=60)
    assert done.returncode == 0
