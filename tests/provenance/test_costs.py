"""A run's peak of memory is its own, whatever the process did before."""

import gc
import os
import resource
import signal
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from cadc.provenance.costs import Stopwatch, peak_memory_mb, separate_memory
from cadc.provenance.environment import environment

SIZE_MB = 200


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux can forget a peak")
def test_peak_forgets_what_earlier_runs_left_in_reference_cycles():
    @separate_memory()
    def run(size_mb):
        cycle = {"values": np.ones(size_mb << 17)}
        cycle["self"] = cycle
        return peak_memory_mb()

    before = run(0)
    assert run(SIZE_MB) > before + 0.9 * SIZE_MB
    assert run(0) < before + 0.5 * SIZE_MB


def test_cycles_from_before_a_run_can_be_collected_after_it():
    class Cycle:
        pass

    cycle = Cycle()
    cycle.self = cycle
    seen = weakref.ref(cycle)
    with separate_memory():
        del cycle
    gc.collect()
    assert seen() is None


def test_stages_of_one_name_are_added_up():
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("a"):
            pass
    with pytest.raises(ValueError, match="stop"), watch.stage("b"):
        raise ValueError("stop")
    assert set(watch.seconds) == {"a", "b"}
    assert all(seconds >= 0 for seconds in watch.seconds.values())


def test_environment_names_what_a_reader_needs():
    found = environment()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["packages"]["torch"]
    assert found["threads"] >= 1


@pytest.mark.usefixtures("_heeds_ctrl_c")
def test_ctrl_c_during_the_collection_is_not_lost():
    class Interrupts:
        """Python drops what a finalizer raises, as it would an interrupt that arrives inside one."""

        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), separate_memory():
        cycle = {"interrupts": Interrupts()}
        cycle["self"] = cycle
        del cycle
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform != "linux", reason="only the allocator of Linux is told to keep memory")
def test_an_array_takes_the_memory_of_one_that_was_freed():
    def faults_of_an_array():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(20 << 20, dtype=np.uint8)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with separate_memory():
        faults_of_an_array()
        again = [faults_of_an_array() for _ in range(5)]
    n_pages = (20 << 20) // resource.getpagesize()
    assert min(again) < n_pages / 10
