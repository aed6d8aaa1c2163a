"""The views of a run, read from its configuration."""

from collections.abc import Mapping
from dataclasses import replace

from cadc.configuration.components import Component, defaults
from cadc.configuration.groups import groups
from cadc.errors import UsageError
from cadc.models.model import Model
from cadc.pipeline.seeds import Config, Seeds
from cadc.views.view import View


def views_of(config: Config, model: Component[Model], seeds: Seeds) -> Mapping[str, Component[View]]:
    """Return the views that a model reads, by name in alphabetical order; those that draw have their seed filled in.

    Parameters
    ----------
    config : a composed configuration, or that of a record; one from before there were views has none.
    model : the model of the run; one that takes no views has none.
    seeds : of the run.

    Raises
    ------
    UsageError : if the model needs views and there are none.
    """
    if not model.cls.takes_views:
        return {}
    nodes = config.get("views") or {}
    if model.cls.needs_views and not nodes:
        raise UsageError(
            f"{model.cls.__name__} is fitted on views, and none is chosen; choose some of "
            f"{', '.join(groups().get('views', []))}, such as views=[factorization,item_neighbours]."
        )
    found = {}
    for name in sorted(nodes):
        view = Component.read(nodes[name], f"views.{name}", View)
        filled = dict(view.options)
        if "seed" in defaults(view.cls) and filled.get("seed") is None:
            filled["seed"] = seeds.factorization
        found[name] = replace(view, options=filled)
    return found
