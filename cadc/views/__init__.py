"""Views of the log: what the rows that a model is not fitted on say about others, as numbers for each row."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.views.evidence import Evidence
    from cadc.views.factorization import FactorizationView
    from cadc.views.histories import Histories
    from cadc.views.items.ease import EASEView
    from cadc.views.items.ease_weights import ease_weights
    from cadc.views.items.item_neighbours import ItemNeighbours
    from cadc.views.items.item_weights import SparseItemWeights
    from cadc.views.items.largest_by_column import largest_by_column
    from cadc.views.items.similarity import nearest_items
    from cadc.views.next_item.recent_ease import RecentEASE
    from cadc.views.next_item.transitions import Transitions
    from cadc.views.ordinal import OrdinalView
    from cadc.views.profile import ProfileView
    from cadc.views.recency import RecencyView
    from cadc.views.statistics import StatisticsView
    from cadc.views.view import RowsToScore, View
    from cadc.views.views import Views
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "EASEView",
    "Evidence",
    "FactorizationView",
    "Histories",
    "ItemNeighbours",
    "OrdinalView",
    "ProfileView",
    "RecencyView",
    "RecentEASE",
    "RowsToScore",
    "SparseItemWeights",
    "StatisticsView",
    "Transitions",
    "View",
    "Views",
    "ease_weights",
    "largest_by_column",
    "nearest_items",
]
