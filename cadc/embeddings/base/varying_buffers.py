"""Buffers whose lengths are not those of the module that they are loaded into."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn


class VaryingBuffers(nn.Module):
    """A module that takes some of its buffers in whatever length they were saved, such as the edges of a graph."""

    varying: ClassVar[tuple[str, ...]] = ()
    """Names of these buffers, which have one dimension."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *further: Any) -> None:
        for name in self.varying:
            if (saved := state_dict.get(f"{prefix}{name}")) is not None and saved.ndim == 1:
                self.register_buffer(name, self.get_buffer(name).new_zeros(len(saved)))
        super()._load_from_state_dict(state_dict, prefix, *further)
