"""Tables that are trained in float32 and stored, and looked up in evaluation, in fewer bits."""

from collections.abc import Mapping

from torch import Tensor

from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype, as_dtype
from cadc.embeddings.coding.shapes import require_shapes, shapes_of


class RoundedTable(EmbeddingTable):
    """A table some of whose parameters are rounded when it is stored."""

    dtype: Dtype
    """In which the numbers are stored."""
    rounded: tuple[str, ...] = ("weight",)
    """Names of the parameters that are rounded."""

    def as_served(self, numbers: Tensor) -> Tensor:
        """Return numbers of a rounded parameter: in training as they are, in evaluation as they are stored."""
        if self.training or self.dtype == "float32":
            return numbers
        return self.as_stored(numbers).to(numbers.dtype)

    def as_stored(self, numbers: Tensor) -> Tensor:
        """Return numbers in the type of the file; those beyond its range become its largest."""
        return as_dtype(numbers, self.dtype)

    def serving(self) -> dict[str, Tensor]:
        """Return the tensors as they are stored."""
        state = super().serving()
        return state | {name: self.as_stored(state[name]) for name in self.rounded}

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the tensors as they were stored."""
        expected = shapes_of(self.state_dict())
        for name in self.rounded:
            expected[name] = (TORCH_DTYPES[self.dtype], expected[name][1])
        require_shapes(tensors, expected)
        super().load_serving(dict(tensors) | {name: tensors[name].float() for name in self.rounded})
