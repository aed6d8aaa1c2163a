"""What a run would train on, written for another framework: sample, held-out rows, and what its tables start from."""

import json
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from cadc.data.layouts.layout import Content, Layout
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.data.seen_ids import seen_ids
from cadc.data.split.split import SPLITS
from cadc.errors import DataError, UsageError
from cadc.pipeline.build import draw_sample, factorize_for_sampler, factorize_log, open_log
from cadc.pipeline.settings import Settings
from cadc.provenance.threads import threads
from cadc.randomness import torch_generator
from cadc.sampling.sampler import Sample
from cadc.storage.output_files import check_new_folder, put_new_folder
from cadc.terminal.progress import say

FACTS = "export.json"


def export_data(
    settings: Settings, layout: Layout, folder: Path, positives: bool = False, without: Collection[str] = ()
) -> None:
    """Write the rows that a run with these settings trains on, validates and tests on, and the vectors it starts from.

    The training part is the sample of the run. Vectors are written of the fields that the initialiser enriches, as
    the run's tables start from them, before they are stored in fewer bytes. `export.json` says what was written.

    Parameters
    ----------
    settings : of the run.
    layout : the files to write.
    folder : must not exist, or be empty; it appears whole or not at all.
    positives : whether only rows of the label 1 are written, as for a layout without labels.
    without : names of fields and dense columns to leave out.

    Raises
    ------
    CadcError : if data, options or values do not allow it.
    """
    check_new_folder(folder)
    if settings.sampler is None:
        raise UsageError("this model does not train on a sample; leave the choice of model out, or choose model=dlrm.")
    if settings.policy is not None:
        raise UsageError(
            "a stream has a training part for each segment, and files of other frameworks hold one; leave policy out."
        )
    with threads(settings.threads):
        log = open_log(settings)
        _require(log, layout, without)
        sample = draw_sample(settings, log, factorize_for_sampler(settings, log))
        vectors = {name: own for name, own in _vectors(settings, log, sample).items() if name not in without}
    rows = {part: sample.rows if part == "train" else log.rows(part) for part in SPLITS}
    if positives or not layout.has_labels:
        rows = {part: _positive(log, part, own) for part, own in rows.items()}
    content = Content(log, folder.resolve().name, rows, vectors, frozenset(without))

    def write(aside: Path) -> None:
        layout.write(content, aside)
        facts = {
            "layout": layout.framework,
            "data": {key: log.meta[key] for key in ("name", "edition", "content_hash")},
            "rows": {part: len(own) for part, own in rows.items()},
            "labels": "positive rows only" if positives or not layout.has_labels else "all rows",
            "vectors": {name: list(own.shape) for name, own in vectors.items()},
            "config": settings.config,
        }
        (aside / FACTS).write_text(json.dumps(facts, indent=1))

    put_new_folder(folder, write)
    _remark(layout, content, sample)


def _require(log: InteractionLog, layout: Layout, without: Collection[str]) -> None:
    """Raise an error for a log that no layout can hold, or columns to leave out that it does not have."""
    for side in ENTITY_FIELDS:
        if side not in log.schema:
            raise DataError(f"{log.meta['name']} has no field {side}; the layout of {layout.framework} needs it.")
    known = [field.name for field in log.schema.fields if field.name not in ENTITY_FIELDS] + list(log.schema.dense)
    if strange := [name for name in without if name not in known]:
        raise UsageError(
            f"--without {strange[0]} is not a column that can be left out; choose from {', '.join(known)}."
        )


def _positive(log: InteractionLog, part: str, rows: Tensor) -> Tensor:
    """Return the rows of label 1 of a part, and say how many others there are."""
    found = rows[torch.from_numpy(log.column("label")[rows.numpy()] == 1)]
    if len(found) < len(rows):
        say(f"{part}: {len(rows) - len(found):,} of {len(rows):,} rows have the label 0 and are left out")
    if not len(found):
        raise DataError(f"the {part} part has no row of the label 1; choose another split or sample.")
    return found


def _vectors(settings: Settings, log: InteractionLog, sample: Sample) -> dict[str, Tensor]:
    """Return what the tables of the enriched fields start from, float32, shape [vocabulary size, dim], by field."""
    if settings.initializer is None or settings.scheme is None:
        return {}
    fitted = factorize_log(settings, log, sample) if settings.starts_from_factors else None
    initializer = settings.initializer.build()
    factors = fitted.factors if fitted else None
    enriched = initializer.enriched_fields(log.schema, factors)
    if not enriched:
        return {}
    generator = torch_generator(settings.seeds.weights, "tables")
    targets = initializer.targets(log, settings.scheme.option("dim"), factors, generator, seen_ids(log, sample.rows))
    found = {name: own for name, own in targets.items() if name in enriched and own is not None}
    if any(own.ndim != 2 for own in found.values()):
        raise UsageError("factors of several folds have no vectors in common; leave factorization_rows=crossfit out.")
    return {name: own.contiguous() for name, own in found.items()}


def _remark(layout: Layout, content: Content, sample: Sample) -> None:
    """Say what the files do not hold."""
    if sample.weights is not None or sample.offset:
        say("the sample has weights, or an offset of the logit, which the files do not hold")
    if left_out := layout.left_out(content):
        say(f"the layout of {layout.framework} has no room for {', '.join(left_out)}")
