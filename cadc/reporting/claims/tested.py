"""All claims of experiments, each tested by the results that are there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cadc.configuration.nested import part
from cadc.errors import UsageError
from cadc.experiment import Experiment
from cadc.experiment.claims import Claim, Compared
from cadc.ledger.identity import recorded_settings, run_code
from cadc.ledger.store import Record
from cadc.reporting.claims import measured
from cadc.reporting.claims.compared import Comparisons
from cadc.reporting.claims.evidence import Evidence, not_run, verdict_on
from cadc.reporting.page.source import TABLE, from_results
from cadc.reporting.provenance import read_provenance
from cadc.reporting.verify import is_results

COMMIT = 7
"""Digits of a commit that are shown."""


@dataclass(frozen=True)
class Tested:
    """A claim and what the results say of it.

    Parameters
    ----------
    experiment : its name.
    claim : of the experiment.
    evidence : figures that test the claim; at least one.
    code : part `code` of each run behind them; of an analysis, which has no runs, that of its results.
    """

    experiment: str
    claim: Claim
    evidence: Sequence[Evidence]
    code: Sequence[Mapping[str, Any]] = ()

    @property
    def verdict(self) -> str:
        """The verdict on the claim, see `cadc.reporting.claims.evidence`."""
        return verdict_on(self.evidence)

    @property
    def is_own(self) -> bool:
        """Whether this project makes the claim."""
        return self.claim.by.startswith("own")

    @cached_property
    def runs(self) -> dict[str, Record]:
        """The records behind all figures, by id."""
        return {record["id"]: record for one in self.evidence for record in one.runs}

    @cached_property
    def present(self) -> frozenset[str]:
        """The ids of those that were made by the present code."""
        return frozenset(run for run, record in self.runs.items() if is_present(record))

    @property
    def commits(self) -> str:
        """The commits of the code that made them, the most frequent first."""
        found = Counter(_commit(code) for code in self.code)
        return ", ".join(commit if len(found) == 1 else f"{commit} ({n})" for commit, n in found.most_common())


def is_present(record: Record) -> bool:
    """Tell whether the code that can change the result of a run is that of today."""
    try:
        return bool(record["code"]["hash"] == run_code(recorded_settings(record)))
    except UsageError:
        return False  # a component that is no longer there


def examine(experiments: Iterable[Experiment], results: Path) -> list[Tested]:
    """Return the claims of experiments, those of others before own ones.

    Parameters
    ----------
    experiments : with their claims.
    results : folder of results, which has a folder of the name of each experiment that was run.

    Raises
    ------
    CadcError : if results cannot be read, or were changed.
    """
    found = [one for experiment in experiments if experiment.claims for one in _of(experiment, results)]
    return sorted(found, key=lambda one: one.is_own)


def _of(experiment: Experiment, results: Path) -> list[Tested]:
    folder = results / experiment.name
    if not is_results(folder) or not (folder / TABLE).is_file():
        none = [not_run(f"{folder.name} has no results")]
        return [Tested(experiment.name, claim, none) for claim in experiment.claims]
    source = from_results(folder)
    comparisons = Comparisons(folder, source.points)
    of_folder = part(read_provenance(folder), "code")
    found = []
    for claim in experiment.claims:
        if isinstance(claim.test, Compared):
            evidence = comparisons.evidence(claim.test)
        else:
            evidence = measured.evidence(claim.test, source.table, source.points)
        runs = {record["id"]: record for one in evidence for record in one.runs}
        of_analysis = [of_folder] if not source.points and of_folder else []
        found.append(Tested(experiment.name, claim, evidence, [r["code"] for r in runs.values()] or of_analysis))
    return found


def _commit(code: Mapping[str, Any]) -> str:
    commit = str(code.get("commit") or "")[:COMMIT] or "unknown"
    return f"{commit} with changes" if code.get("dirty") else commit
