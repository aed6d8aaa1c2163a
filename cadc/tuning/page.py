"""The page of a study: its trials as a table and charts, which a browser opens without a network."""

from cadc.ledger.store import Ledger
from cadc.reporting.page.data import page_data
from cadc.reporting.page.frame import html
from cadc.reporting.page.source import from_records
from cadc.tuning.study import SharedStudy
from cadc.tuning.work import RUNS


def study_page(study: SharedStudy, ledger: Ledger) -> str | None:
    """Return the HTML of the runs of a study's trials; None where this ledger has none of them.

    Parameters
    ----------
    study : the study; trials that were stopped early are left out, since they have no result.
    ledger : of the process; another ledger may have carried out a part of a shared study.
    """
    ids = [run_id for trial in study.done() for run_id in trial.user_attrs.get(RUNS, "").split()]
    records = [ledger.record(run_id) for run_id in dict.fromkeys(ids) if run_id in ledger]
    if not records:
        return None
    return html(page_data([from_records(records, ledger, study.name)], ledger))
