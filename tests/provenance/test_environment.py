"""What a record says about the machine."""

import json
import subprocess
import sys

import pytest

from cadc.provenance.environment import environment, kernels

ASK = "import json, numpy; from cadc.provenance.environment import kernels; print(json.dumps(kernels()))"


def kernels_with(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> dict[str, object]:
    """Return what a new process says that has one environment variable set."""
    monkeypatch.setenv(name, value)
    answer = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def test_record_names_kernels() -> None:
    assert environment()["kernels"] == kernels()


def test_instruction_set_of_torch_is_the_one_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    found = kernels_with(monkeypatch, "ATEN_CPU_CAPABILITY", "default")
    assert found["torch"] == "DEFAULT"
    assert found["chosen"]["ATEN_CPU_CAPABILITY"] == "default"


@pytest.mark.parametrize("kind", ["Haswell", "Nehalem"])
def test_processor_of_openblas_is_the_one_it_was_given(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kernels()["openblas"] is None:
        pytest.skip("NumPy computes with another library here")
    assert kernels_with(monkeypatch, "OPENBLAS_CORETYPE", kind)["openblas"] == kind
