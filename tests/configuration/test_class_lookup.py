"""Classes are found under the names that older records give them."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.errors import UsageError
from cadc.loggers.none import NoLogger
from cadc.loggers.wandb import WandbLogger
from cadc.models.ranking.two_tower import TwoTower
from cadc.models.stack.stack import Stack
from cadc.views.items.ease import EASEView
from cadc.views.items.item_neighbours import ItemNeighbours


@pytest.mark.parametrize("module", ["cadc.mirrors", "cadc.loggers"])
def test_loggers_are_found_under_their_older_names(module):
    assert load_class(f"{module}.wandb.WandbMirror") is WandbLogger
    assert load_class(f"{module}.none.NoMirror") is NoLogger


@pytest.mark.parametrize(
    ("older", "found"),
    [
        ("cadc.models.stack.Stack", Stack),
        ("cadc.models.two_tower.TwoTower", TwoTower),
        ("cadc.views.ease_view.EASEView", EASEView),
        ("cadc.views.item_neighbours.ItemNeighbours", ItemNeighbours),
    ],
)
def test_classes_are_found_under_the_places_that_older_records_name(older, found):
    assert load_class(older) is found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Shared(:\n", "SyntaxError"),
        ("import not_installed\nclass Shared: pass\n", "not_installed"),
        ("raise ValueError('too early')\nclass Shared: pass\n", "too early"),
    ],
)
def test_a_file_that_cannot_be_imported_is_not_replaced_by_another_with_the_same_class(plugin, text, said):
    (plugin / "broken.py").write_text(text)
    (plugin / "other.py").write_text("class Shared: pass\n")
    with pytest.raises(UsageError, match=said):
        load_class("plugged.broken.Shared")


def test_a_class_that_moved_to_a_file_that_cannot_be_imported_says_why(plugin):
    (plugin / "later.py").write_text("import not_installed\nclass Moved: pass\n")
    with pytest.raises(UsageError, match="not_installed"):
        load_class("plugged.earlier.Moved")
