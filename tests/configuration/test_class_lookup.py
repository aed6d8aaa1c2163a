"""Classes are found under the names that older records give them."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.loggers.none import NoLogger
from cadc.loggers.wandb import WandbLogger


@pytest.mark.parametrize("module", ["cadc.mirrors", "cadc.loggers"])
def test_loggers_are_found_under_their_older_names(module):
    assert load_class(f"{module}.wandb.WandbMirror") is WandbLogger
    assert load_class(f"{module}.none.NoMirror") is NoLogger
