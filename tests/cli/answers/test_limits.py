"""A process that is given too little memory for its libraries says so instead of trying for ever."""

import subprocess
import sys

import pytest

from cadc.cli import main

resource = pytest.importorskip("resource")


@pytest.mark.parametrize("mebibytes", [400, 900, 1400])
def test_too_little_address_space_ends_in_a_sentence(mebibytes):
    limits = (mebibytes << 20,) * 2
    ended = subprocess.run(
        [sys.executable, "-m", "cadc", "train", "data=synthetic"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"cadc: this process is limited to {mebibytes} MiB of addresses (ulimit -v);")


def test_a_network_that_does_not_fit_into_memory_ends_in_a_sentence(capsys):
    assert main(["train", "data.n_rows=300", "model.top_mlp=[3000000,3000000]"]) == 1
    assert capsys.readouterr().err.startswith("cadc: there is too little memory (")
