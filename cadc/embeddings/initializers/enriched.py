"""Initialisers that start some tables from given vectors."""

from dataclasses import dataclass

from torch import Tensor

from cadc.data.schema import UNKNOWN
from cadc.embeddings.initializers.initializer import Initializer
from cadc.errors import require_positive


@dataclass(kw_only=True, eq=False)
class EnrichedInitializer(Initializer):
    """Starts the enriched tables from vectors, which may be scaled.

    Parameters
    ----------
    std, freeze, unseen, id_dropout : see `Initializer`.
    scale_to : standard deviation that the vectors of each enriched table are scaled to; None leaves them as they are.
    """

    scale_to: float | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.scale_to is not None:
            require_positive("initializer", scale_to=self.scale_to)

    def scaled(self, vectors: Tensor) -> Tensor:
        """Return vectors (shape […, n, k]) scaled to `scale_to`; *unknown* does not count in their deviation."""
        if self.scale_to is None:
            return vectors
        spread = vectors[..., UNKNOWN + 1 :, :].std()
        return vectors * (self.scale_to / spread) if spread > 0 else vectors
