"""Completion of command lines: what may follow, and the tabulator in real shells."""

import os
import pty
import re
import select
import shutil
import sys
import time
from pathlib import Path

import pytest

from cadc.cli import COMMANDS
from cadc.cli.candidates import candidates
from cadc.configuration.groups import groups
from tests.support.commands import cadc, process, train

SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(cadc completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'eval "$(cadc completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "cadc completion fish | source"),
}

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b[()]B|[\r\x07\x08]")
"""What moves the cursor and sets colours."""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("exp", ["experiment", "export"]),
        ("train mode", ["model.", "model="]),
        ("train model=d", ["model=dcn", "model=deepfm", "model=distilled", "model=dlrm", "model=dlrm_products"]),
        ("train model=bias,dlr", ["model=bias,dlrm", "model=bias,dlrm_products"]),
        ("train views=[ease,prof", ["views=[ease,profile"]),
        ("train data/split=r", ["data/split=random"]),
        ("train sampler=popularity sampler.b", ["sampler.beta=", "sampler.by="]),
        ("train sampler.b", []),
        ("train data.split.t", ["data.split.test="]),
        ("train model.interaction=", [f"model.interaction={own}" for own in ("both", "concatenate", "products")]),
        ("train initializer.freeze=t", ["initializer.freeze=true"]),
        ("train trainer.max_epochs=", ["trainer.max_epochs=50"]),
        ("train evalu", ["evaluate="]),
        ("train --dry", ["--dry-run"]),
        ("train --help emb", ["embedding"]),
        ("tune tune=re", ["tune=reference"]),
        ("train tune=", []),
        ("experiment two_", ["two_axes"]),
        ("report quick", ["quickstart"]),
        ("experiment quickstart --fast sampler.r", ["sampler.rate="]),
        ("experiment cadc_ml1m --arm MF", ["MF + Platt", "MF alone"]),
        ("export --format p", ["parquet"]),
        ("export --output x", []),
        ("data d", ["describe"]),
        ("data describe yel", ["yelp2018"]),
        ("completion z", ["zsh"]),
        ("nonsense x", []),
        ("train model=nonsense mod", []),
    ],
)
def test_what_may_follow(line, found):
    assert candidates(line.split(" ")) == found


def test_commands_groups_and_options_are_complete():
    assert set(COMMANDS) < set(candidates([""]))
    assert {f"{group}=" for group in groups()} <= set(candidates(["train", ""]))
    for group, options in groups().items():
        assert candidates(["train", f"{group}="]) == [f"{group}={own}" for own in sorted(options)]


def test_finished_runs_complete_where_a_run_is_expected():
    run_id = train("model=bias").name
    for line in (["predict"], ["export"], ["ledger", "show"], ["ledger", "diff", run_id], ["page"]):
        assert candidates([*line, run_id[:3]]) == [run_id]
    assert candidates(["ledger", run_id[:3]]) == []


def test_completion_loads_neither_hydra_nor_pytorch():
    code = (
        "import sys; from cadc.cli.candidates import candidates\n"
        "candidates(['train', 'trainer.']); candidates(['train', 'model.interaction='])\n"
        "candidates(['tune', 'tune.'])\n"
        "print([name for name in ('hydra', 'omegaconf', 'torch', 'numpy') if name in sys.modules])"
    )
    answer = process(["-c", code])
    assert answer.out == "[]\n", answer.err


def test_a_shell_that_is_not_known_is_met_with_those_that_are():
    assert "did you mean zsh?" in cadc("completion", "zhs").err
    assert cadc("completion").err == "cadc: no shell was given; name one of bash, zsh, fish.\n"


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, shell: str, folder: Path) -> None:
        words, self.install = SHELLS[shell]
        self.process, self.end = pty.fork()
        if self.process == 0:
            own = {"PS1": "$ ", "TERM": "xterm", "HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
            os.chdir(folder)
            os.execvpe(words[0], words, {**os.environ, **own})

    def type(self, text: str, expected: str) -> None:
        """Type a text and wait until the terminal shows another."""
        seen, until = "", time.monotonic() + 30
        os.write(self.end, text.encode())
        while expected not in CONTROL.sub("", seen):
            assert time.monotonic() < until, seen
            if select.select([self.end], [], [], 0.1)[0]:
                seen += os.read(self.end, 65536).decode(errors="replace")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_tabulator_completes_in_a_real_shell(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    own = tmp_path / "cadc"
    own.write_text(f'#!/bin/sh\nexec {sys.executable} -m cadc "$@"\n')
    own.chmod(0o755)
    (tmp_path / "ratings.csv").touch()
    terminal = Terminal(shell, tmp_path)
    clear = "\x15"  # Ctrl-U
    try:
        terminal.type(f"{terminal.install}; echo rea''dy\n", "ready")
        terminal.type("cadc exper\t", "experiment ")
        terminal.type(f"{clear}cadc train model=dee\t", "deepfm ")
        terminal.type("trainer.max_e\t", "pochs=")
        terminal.type(f"{clear}cadc train data.path=rat\t", "ings.csv")
    finally:
        os.close(terminal.end)
        os.waitpid(terminal.process, 0)
