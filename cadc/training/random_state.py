"""The state of torch's global generators, which dropout uses, for a checkpoint."""

from collections.abc import Mapping
from typing import Any

import torch

from cadc.distributed.ranks import Ranks


def random_state() -> dict[str, Any]:
    """Return the state of torch's global generators."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Restore torch's global generators to what `random_state` returned."""
    torch.set_rng_state(state["cpu"].cpu())
    # There may be fewer devices now.
    for device, value in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(value.cpu(), device)


def share_random_state(ranks: Ranks) -> None:
    """Give the global generators of all ranks, and those of their devices, the state of the first rank."""
    state = ranks.bytes_of_first(torch.get_rng_state().numpy().tobytes())
    assert state is not None
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    if ranks.device.type == "cuda":
        state = ranks.bytes_of_first(torch.cuda.get_rng_state(ranks.device).numpy().tobytes())
        assert state is not None
        torch.cuda.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8), ranks.device)
