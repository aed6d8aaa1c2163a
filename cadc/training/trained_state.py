"""The part of a model's state that is kept of an epoch: all but what views have fitted, which no step changes."""

from collections.abc import Mapping

from torch import Tensor, nn

from cadc.views.views import Views


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights and buffers of a model by name, without those of its views.

    Views hold whole histories and weights between items, far more than a network; they are there again wherever the
    model is made anew.
    """
    fixed = _of_views(model)
    return {name: value for name, value in model.state_dict().items() if not name.startswith(fixed)}


def load_trained(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load what `trained_state` returned into a model with the same views.

    Raises
    ------
    RuntimeError : for weights of other names or shapes.
    """
    fixed = _of_views(model)
    own = {name: value for name, value in model.state_dict().items() if name.startswith(fixed)}
    model.load_state_dict({**own, **state})


def _of_views(model: nn.Module) -> tuple[str, ...]:
    """Return how the names of what views have fitted begin."""
    return tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, Views))
