"""The callbacks of a run, read from its configuration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cadc.configuration.components import Component
from cadc.pipeline.seeds import Config

if TYPE_CHECKING:
    from pytorch_lightning import Callback


def callbacks_of(config: Config) -> "Mapping[str, Component[Callback]]":
    """Return the callbacks of a run's training by name, in the order in which they are called.

    Raises
    ------
    UsageError : for a class that is not a callback of Lightning, or one that waits for hooks which no run calls.
    """
    nodes = config["trainer"].get("callbacks") or {}
    if not nodes:
        return {}
    # It takes seconds to import, and few runs have callbacks.
    from pytorch_lightning import Callback

    from cadc.training.callbacks.hooks import require_callable

    found = {name: Component.read(node, f"trainer.callbacks.{name}", Callback) for name, node in nodes.items()}
    for component in found.values():
        require_callable(component.cls, component.path)
        component.build()  # which checks its values
    return found
