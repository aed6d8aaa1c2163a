"""`cadc sync`: send finished runs to wandb, unless they were sent before."""

import argparse
import glob
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.folders import OUTPUTS, RESULTS
from cadc.cli.output import show
from cadc.errors import CadcError, UsageError
from cadc.paths import user_path
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.ledger import Ledger
    from cadc.loggers.wandb import WandbLogger

HELP = "send finished runs to wandb; what was sent before is skipped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="id of a finished run, or its beginning (all runs)")
    parser.add_argument("--experiment", metavar="NAME", help="send the runs of an experiment as a group, and its table")
    parser.add_argument(
        "--results",
        type=user_path,
        metavar="FOLDER",
        help="its results (default results/NAME, outputs/NAME or a part of the grid in outputs: which has most of its "
        "runs here)",
    )
    parser.add_argument("--project", default="cadc", help="name of the wandb project (default cadc)")
    parser.add_argument("--entity", help="user or team that owns the project (default: the owner of the key)")
    parser.add_argument("--tag", action="append", default=[], help="a tag of each run; may be given several times")
    parser.add_argument("--group", help="group of the runs (default: the name of the experiment)")
    parser.add_argument("--model", action="store_true", help="send weights and record along, as an artifact")
    parser.add_argument("--again", action="store_true", help="also send what was sent before")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger import Ledger
    from cadc.loggers.wandb import WandbLogger

    if arguments.experiment and arguments.runs:
        raise UsageError("run ids and --experiment were both given; give one of the two.")
    if arguments.results and not arguments.experiment:
        raise UsageError("--results was given without --experiment; name the experiment too.")
    ledger = Ledger()
    logger = WandbLogger(
        project=arguments.project,
        mode="online",
        entity=arguments.entity,
        tags=tuple(arguments.tag),
        group=arguments.group,
        model=arguments.model,
    )
    if arguments.experiment:
        return _send_experiment(ledger, logger, arguments)
    ids = [ledger.find(prefix) for prefix in arguments.runs] if arguments.runs else ledger.ids()
    if not ids:
        show(f"there are no finished runs in {ledger.folder}")
    _send(ledger, logger, list(dict.fromkeys(ids)), None, arguments.again)
    return 0


def _send(ledger: "Ledger", logger: "WandbLogger", ids: list[str], group: str | None, again: bool) -> None:
    """Send runs; raise an error at the end if some were rejected."""
    from cadc.loggers.wandb_process import NoAccess, WandbError

    to_send = [run_id for run_id in ids if again or not logger.is_logged(ledger.path(run_id), group)]
    n_sent = in_a_row = 0
    failed: dict[str, CadcError] = {}
    for number, run_id in enumerate(to_send, 1):
        try:
            url = logger.send(ledger.path(run_id), group)
        except CadcError as error:
            failed[run_id] = error
            in_a_row += isinstance(error, WandbError)
            # A single run may be rejected for its content; two in a row mean that the server is the problem.
            if isinstance(error, NoAccess) or in_a_row == 2:
                break
            continue
        n_sent, in_a_row = n_sent + 1, 0
        say(f"[{number}/{len(to_send)}] {run_id} {url or ''}".rstrip())
    if failed:
        run_id, first = next(iter(failed.items()))
        raise CadcError(
            f"{len(to_send) - n_sent} of {len(to_send)} runs were not sent, first {run_id}: "
            f"{str(first).rstrip('.')}. Run the same command again to send the rest."
        ) from first
    show(f"{n_sent} sent, {len(ids) - n_sent} sent before")


def _send_experiment(ledger: "Ledger", logger: "WandbLogger", arguments: argparse.Namespace) -> int:
    from cadc.experiment import load_experiment

    name = load_experiment(arguments.experiment).name
    usual = [RESULTS / name, OUTPUTS / name]
    places = [arguments.results] if arguments.results else [*usual, *sorted(OUTPUTS.glob(f"{glob.escape(name)}-*"))]
    made_of = {place: _runs_of(place) for place in places}
    here = {place: [run_id for run_id in ids if run_id in ledger] for place, ids in made_of.items()}
    # A clone has the table in `results`, but perhaps none of its runs.
    folder = max(places, key=lambda place: len(here[place]))
    if not here[folder]:
        raise CadcError(
            f"none of the runs of the results in {' or '.join(map(str, places[:2]))} is in {ledger.folder}; "
            f"`cadc experiment {arguments.experiment}` runs them."
        )
    if len(here[folder]) < len(made_of[folder]):
        say(f"{len(made_of[folder]) - len(here[folder])} runs are not in {ledger.folder}")
    _send(ledger, logger, here[folder], name, arguments.again)
    if not arguments.again and logger.are_results_logged(folder, name):
        show(f"the table in {folder} was sent before")
    else:
        url = logger.send_results(folder, name)
        show(f"the table in {folder} was sent {f'to {url}' if url else ''}".rstrip())
    return 0


def _runs_of(folder: Path) -> list[str]:
    """Return the ids of the runs of a folder of results; empty if there are no results."""
    from cadc.reporting.provenance import PROVENANCE, read_provenance, runs_of

    if not (folder / PROVENANCE).exists():
        return []
    arms = runs_of(folder, read_provenance(folder))
    return list(dict.fromkeys(run_id for ids in arms.values() for run_id in ids))
