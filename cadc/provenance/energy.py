"""Energy of a run, measured by codecarbon where the processor has a meter that can be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from cadc.errors import UsageError
from cadc.terminal.progress import say

METERED = ("intel_rapl", "intel_power_gadget", "windows_emi")
"""How codecarbon may come to the power of a processor but by an assumption; Apple's chips have a class of their own."""


class EnergyMeter:
    """Measures the energy of this machine from its construction on.

    It counts processor, graphics processors and, by codecarbon's estimate, memory; other programs count as well. Where
    the processor has no meter, as in most virtual machines, the energy is unknown: an assumed power would be recorded
    as if it were measured.

    Parameters
    ----------
    is_whole : whether all of the run is still to come; the energy of a resumed run is unknown.
    """

    def __init__(self, is_whole: bool = True) -> None:
        self._tracker: Any = _tracker() if is_whole else None
        self._kwh: float | None = None
        if self._tracker is not None:
            self._tracker.start()

    def kwh(self) -> float | None:
        """Stop, and return the energy in kWh; None where it is unknown."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.stop()
            if is_metered(tracker):
                self._kwh = float(tracker.final_emissions_data.energy_consumed)
            else:
                say("the energy of this run is unknown: the processor has no meter that codecarbon can read.")
        return self._kwh

    def stop(self) -> None:
        """Stop a measurement that nobody asks for any more."""
        if self._tracker is not None:
            self._tracker.stop()
            self._tracker = None


@contextmanager
def metering(is_asked: bool, is_whole: bool) -> Iterator[EnergyMeter | None]:
    """Measure energy within a `with` block; None where nobody asks.

    Parameters
    ----------
    is_asked : whether to measure.
    is_whole : see `EnergyMeter`.
    """
    if not is_asked:
        yield None
        return
    meter = EnergyMeter(is_whole)
    try:
        yield meter
    finally:
        meter.stop()


def require_codecarbon() -> None:
    """Raise a UsageError if codecarbon is not installed."""
    if find_spec("codecarbon") is None:
        raise UsageError(
            "energy=true needs the package codecarbon, which is not installed; `pip install 'cadc[energy]'` adds it."
        )


def is_metered(tracker: Any) -> bool:
    """Tell whether a tracker of codecarbon reads a meter of the processor."""
    return any(
        type(hardware).__name__ == "AppleSiliconChip" or vars(hardware).get("_mode") in METERED
        for hardware in tracker._hardware
    )


def _tracker() -> Any:
    from codecarbon import OfflineEmissionsTracker

    # The country only turns energy into emissions, which nobody asks for. Nothing is written or sent.
    return OfflineEmissionsTracker(
        country_iso_code="FRA",
        tracking_mode="machine",
        measure_power_secs=5,
        allow_multiple_runs=True,
        save_to_file=False,
        save_to_api=False,
        log_level="critical",
    )
