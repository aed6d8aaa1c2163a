"""Tables that are trained in floats and served from packed integers."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.coding.shapes import Shapes, require_shapes


class PackedTable(EmbeddingTable):
    """Packs its weights when evaluation first asks for them, and anew once they have changed.

    A table that was loaded has packed integers only: it serves look-ups, and cannot be trained on.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    """

    holds_rows = True

    def __init__(self, fields: Sequence[Field], dim: int, centred: bool = False) -> None:
        super().__init__(fields, dim, centred)
        self.is_loaded = False
        self._packed: dict[str, Tensor] | None = None
        self._aids: dict[str, Tensor] = {}
        self._versions: list[int] = []

    @abstractmethod
    def trained_vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows as training sees them, with gradients, shape [n, dim]."""

    @abstractmethod
    def pack(self) -> dict[str, Tensor]:
        """Return what is exported of the weights as they are; the centre, which is not packed, is left out."""

    @abstractmethod
    def decode(self, packed: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return the vectors of some rows from what `pack` gave and, in the same mapping, from `aids`."""

    @abstractmethod
    def expected(self, packed: Mapping[str, Tensor]) -> Shapes:
        """Return types and shapes of what `pack` gives; those that depend on what was learnt follow from `packed`.

        Raises
        ------
        KeyError : where a tensor is missing that others depend on.
        """

    def aids(self, packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what makes look-ups fast and follows from the packed tensors; it is not exported."""
        return {}

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        if not self.training:
            return self.decode(self._served(), rows)
        if self.is_loaded:
            raise RuntimeError("this table was loaded to serve; it holds no floats that could be trained.")
        return self.trained_vectors(rows)

    def train(self, mode: bool = True) -> "PackedTable":
        """Switch between training and evaluation."""
        super().train(mode)
        # Fused optimisers change weights without a new version, so a switch counts as a change.
        if not self.is_loaded:
            self._packed = None
        return self

    def serving(self) -> dict[str, Tensor]:
        """Return what is exported."""
        self._served()
        assert self._packed is not None
        return self._packed | ({} if self.centre is None else {"centre": self.centre.detach()})

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `serving` gave; whatever was for training is let go."""
        packed = {name: value for name, value in tensors.items() if name != "centre" or self.centre is None}
        try:
            wanted = dict(self.expected(packed))
        except KeyError as error:
            raise ValueError(f"{error.args[0]} is missing") from error
        if self.centre is not None:
            wanted["centre"] = (self.centre.dtype, self.centre.shape)
        require_shapes(tensors, wanted)
        for name, _ in list(self.named_parameters(recurse=False)):
            if name != "centre":
                self.register_parameter(name, None)
        self.is_loaded = True
        device = self.offsets.device
        with torch.inference_mode(False), torch.no_grad():
            if self.centre is not None:
                self.centre.copy_(tensors["centre"])
            self._packed = {name: value.to(device).clone() for name, value in packed.items()}
            self._aids = self.aids(self._packed)

    def _served(self) -> Mapping[str, Tensor]:
        """Return what `decode` reads."""
        versions = [value._version for name, value in self.named_parameters() if name != "centre"]
        if self._packed is None or (versions != self._versions and not self.is_loaded):
            # What is kept must be of use outside inference mode, too.
            with torch.inference_mode(False), torch.no_grad():
                self._packed = self.pack()
                self._aids = self.aids(self._packed)
            self._versions = versions
        return self._packed | self._aids

    def _apply(self, fn: Any, recurse: bool = True) -> "PackedTable":
        """Move what is packed along with the weights."""
        super()._apply(fn, recurse)
        if self.is_loaded and self._packed is not None:
            self._packed = {name: fn(value) for name, value in self._packed.items()}
            self._aids = {name: fn(value) for name, value in self._aids.items()}
        else:
            self._packed = None
        return self
