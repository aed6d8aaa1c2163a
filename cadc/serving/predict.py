"""Scores new rows with the model of a finished run."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.data.vocabulary import is_missing, look_up
from cadc.errors import DataError, shown
from cadc.ledger.store import Record
from cadc.models.model import Model


def score_rows(log: InteractionLog, model: Model, table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return the logit of each new row, or its score by a model that ranks, float64, shape [n].

    Parameters
    ----------
    log : gives vocabularies and the side features of users and items.
    model : maps a batch to logits.
    table : raw ids in columns named `user` and `item`, whatever the log's file calls them, and a column for each of the
        log's context fields and dense features; users, items and values that training never saw count as unknown.
    name : of the table, for messages.

    Raises
    ------
    DataError : for a missing column, a row without user or item, or a dense value that is not a finite number.
    """
    context_fields = [field.name for field in log.schema.of("context", bag=False)]
    needed = [*log.entities, *context_fields, *log.schema.dense]
    missing = [column for column in needed if column not in table]
    if missing:
        # Those of a table of one's own are often named as in its file.
        own = [column for column in table if column not in needed]
        rename = f", so rename those that mean them among {shown(own)}" if own else ""
        raise DataError(f"{name} lacks the columns {', '.join(missing)}; needed are {', '.join(needed)}{rename}.")
    for column in (*log.entities, *context_fields):
        values = table[column] if table[column].dtype == object else ()
        lists = [row for row, value in enumerate(values, 1) if pd.api.types.is_list_like(value)]
        if lists:
            raise DataError(f"{name}, row {lists[0]}: column {column} holds several values; expected one.")
    for column in log.entities:
        without = np.flatnonzero(is_missing(table[column].to_numpy()))
        if len(without):
            raise DataError(f"{name}, row {without[0] + 1}: column {column} is missing; every row needs one.")
    entities: dict[EntitySide, Tensor] = {
        side: torch.from_numpy(look_up(table[side].to_numpy(), log.entity_keys(side))) for side in log.entities
    }
    context = None
    if context_fields:
        columns = [look_up(table[field].to_numpy(), log.vocabulary(field)) for field in context_fields]
        context = torch.from_numpy(np.stack(columns, 1))
    dense = torch.empty(len(table), 0)
    if log.schema.dense:
        values = table[list(log.schema.dense)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32, copy=True)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(f"{name}, row {row + 1}: column {log.schema.dense[column]} is not a finite number.")
        dense = torch.from_numpy(values)
    label = torch.zeros(len(table))
    parts = []
    with torch.inference_mode():
        for rows in torch.arange(len(table)).split(EVALUATION_BATCH):
            batch = log.join(
                {side: ids[rows] for side, ids in entities.items()},
                None if context is None else context[rows],
                dense[rows],
                label[rows],
            )
            parts.append(model(batch).double())
    return torch.cat(parts).numpy() if parts else np.empty(0)


def predicted(record: Record, log: InteractionLog, model: Model, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return new rows with the model's answer as one more column, see `score_rows`.

    It is `probability`, of label 1; or, if the run ranks items, `score`, of which only the order means anything.
    """
    scores = score_rows(log, model, table, name)
    if record.get("task") == "ranking":
        return table.assign(score=scores)
    return table.assign(probability=torch.from_numpy(scores).sigmoid().numpy())


def text_columns(log: InteractionLog) -> list[str]:
    """Return the names of the columns of `score_rows` with texts as values."""
    values = {str(side): log.entity_keys(side) for side in log.entities}
    values |= {field.name: log.vocabulary(field.name) for field in log.schema.of("context", bag=False)}
    return [name for name, known in values.items() if known.dtype.kind not in "iu"]
