"""The device that a network is trained on."""

import torch

from cadc.errors import NoDevice


def device_of_accelerator(accelerator: str, place: int | None = None) -> torch.device:
    """Return the device of an accelerator.

    Parameters
    ----------
    accelerator : `cpu`, `cuda`, `mps`, `gpu` for either of these two, or `auto` for the first that there is.
    place : number of the device among those of this machine, from 0; None takes the current one.

    Raises
    ------
    NoDevice : if the accelerator is not available.
    """
    available = [
        name
        for name, is_available in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if is_available
    ]
    wanted = {"auto": ("cuda", "mps", "cpu"), "gpu": ("cuda", "mps")}.get(accelerator, (accelerator,))
    for name in available:
        if name in wanted:
            return torch.device(name) if place is None or name != "cuda" else torch.device(name, place)
    raise NoDevice(
        f"trainer.accelerator={accelerator} is not available: torch finds {', '.join(available)} here; choose auto."
    )
