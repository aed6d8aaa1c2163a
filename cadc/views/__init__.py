"""Further views of the whole log: numbers for pairs of users and items that are not products of vectors."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.views.items.ease_weights import ease_weights
    from cadc.views.items.item_weights import SparseItemWeights
    from cadc.views.items.largest_by_column import largest_by_column
    from cadc.views.items.similarity import nearest_items
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["SparseItemWeights", "ease_weights", "largest_by_column", "nearest_items"]
