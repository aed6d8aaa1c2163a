"""`CADC_KERNELS`: real processes compute with the kernels that it names, and then their bits do not follow others."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import cadc
from cadc.errors import UsageError
from cadc.provenance.pinned_kernels import AVX2, PINNED, fault, pin_kernels, require_kernels

EMULATOR = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
HAS_AVX512 = Path("/proc/cpuinfo").exists() and " avx512f " in Path("/proc/cpuinfo").read_text()

COMPUTE = """
import json, sys
import cadc
from cadc.provenance.environment import kernels
import hashlib, numpy, torch
torch.set_num_threads(1)
a = numpy.random.default_rng(0).normal(size=(300, 70))
t = torch.from_numpy(a).float()
found = {
    "product": a.T @ a, "exp": numpy.exp(a), "log1p": numpy.log1p(abs(a)), "solve": numpy.linalg.solve(a.T @ a, a.T),
    "layer": torch.nn.functional.linear(t, t[:9]), "gradient": t.T @ t, "loss": torch.nn.functional.softplus(t),
    "probability": torch.sigmoid(t), "sum": t.sum(0), "vector": t @ t[0],
}
bits = {name: hashlib.sha256(numpy.asarray(value).tobytes()).hexdigest() for name, value in found.items()}
json.dump({"kernels": kernels(), "bits": bits}, sys.stdout)
"""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    """Leave every choice of kernels to the processor."""
    for name in (*AVX2, "CADC_KERNELS"):
        monkeypatch.delenv(name, raising=False)


def computed(*program, **environment):
    words = [*(program or [sys.executable]), "-c", COMPUTE]
    done = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(not HAS_AVX512, reason="the processor offers nothing beyond AVX2")
def test_pinned_processes_compute_as_on_a_processor_with_avx2():
    free, pinned = computed(), computed(CADC_KERNELS="avx2")
    assert (free["kernels"]["torch"], pinned["kernels"]["torch"]) == ("AVX512", "AVX2")
    assert pinned["kernels"]["openblas"] in ("Haswell", None)
    assert pinned["kernels"]["chosen"] == AVX2
    # Were they equal without it, nothing would be pinned.
    assert {name for name, bits in free["bits"].items() if bits != pinned["bits"][name]} >= {"exp", "product"}


@pytest.mark.slow
@pytest.mark.skipif(EMULATOR is None, reason="qemu-user is not installed")
@pytest.mark.parametrize(
    ("kernels", "processor"), [("avx2", "EPYC"), ("compatible", "EPYC"), ("compatible", "Haswell")]
)
def test_bits_are_those_of_another_processor(kernels, processor):
    places = os.pathsep.join([str(Path(cadc.__file__).parents[1]), sysconfig.get_path("purelib")])
    other = computed(
        EMULATOR, "-cpu", processor, os.path.realpath(sys.executable), CADC_KERNELS=kernels, PYTHONPATH=places
    )
    assert other["bits"] == computed(CADC_KERNELS=kernels)["bits"]


def test_what_cannot_be_had_is_refused(monkeypatch):
    require_kernels()
    monkeypatch.setenv("CADC_KERNELS", "avx3")
    with pytest.raises(UsageError, match="CADC_KERNELS is 'avx3'; choose one of avx2, compatible, or unset it"):
        require_kernels()
    monkeypatch.setenv("CADC_KERNELS", "avx2")
    # The tests have loaded NumPy and PyTorch.
    with pytest.raises(UsageError, match="numpy was loaded before cadc and has chosen its kernels; import cadc first"):
        require_kernels()
    pin_kernels()
    assert "MKL_CBWR" not in os.environ
    for name, value in AVX2.items():
        monkeypatch.setenv(name, value)
    require_kernels()  # as in a process that one with the setting started
    monkeypatch.setenv("MKL_CBWR", "AVX512")
    assert fault() == (
        "CADC_KERNELS is avx2, which sets MKL_CBWR to 'AVX2', but it is 'AVX512' already; unset one of the two."
    )


def test_names_differ_in_mkl_alone():
    assert {name for name in AVX2 if PINNED["avx2"][name] != PINNED["compatible"][name]} == {"MKL_CBWR"}
