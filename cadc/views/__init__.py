"""Further views of the whole log: numbers for pairs of users and items that are not products of vectors."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.views.ease import ease_weights
    from cadc.views.item_item import SparseItemWeights
    from cadc.views.similarity import nearest_items
    from cadc.views.sparse_weights import largest_by_column
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["SparseItemWeights", "ease_weights", "largest_by_column", "nearest_items"]
