"""Several processes that work on one model: who they are, who starts them, and what they exchange."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.distributed.placement import Placement, own_placement
    from cadc.distributed.portion import Portion
    from cadc.distributed.ranks import Ranks, current_ranks, joined
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Placement", "Portion", "Ranks", "current_ranks", "joined", "own_placement"]
