"""The task of a run: whether rows are scored or items ranked."""

from typing import Literal

from cadc.configuration.components import Component
from cadc.errors import UsageError
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model


def task_of(model: Component[Model], wanted: Literal["auto"] | Task) -> Task:
    """Return the task of a run.

    Parameters
    ----------
    model : of the run.
    wanted : the key `task` of its configuration; `auto` takes that of the model, `ctr` if it has none.

    Raises
    ------
    UsageError : for a task that the model is not made for.
    """
    own, name = model.cls.task, model.cls.__name__
    if wanted == "auto":
        return "ranking" if own == "ranking" else "ctr"
    if own is not None and wanted != own:
        raise UsageError(f"task={wanted} does not fit: {name} is for task={own}.")
    if wanted == "ranking" and not model.cls.can_rank:
        raise UsageError(f"task=ranking does not fit: {name} cannot score all items for a user.")
    return wanted
