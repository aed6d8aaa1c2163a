"""`cadc experiment`: run the grid of an experiment and write its table and figure."""

import argparse
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cadc.cli.experiment.plan import add_arguments as add_arguments_of_plan
from cadc.cli.experiment.plan import check, plan_all, plan_one
from cadc.cli.folders import folders_of_results
from cadc.cli.grid import add_grid_arguments, command, for_each, is_part, own_folder, require_one_or_all, wanted
from cadc.cli.output import show
from cadc.cli.table import require_complete
from cadc.cli.train import add_retry_failed, record_or_state
from cadc.errors import CadcError, UsageError, reason

if TYPE_CHECKING:
    from cadc.execution.outcome import Outcome
    from cadc.experiment import Experiment
    from cadc.ledger.store import Record

HELP = "run the grid of an experiment, then write its table and figure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_grid_arguments(parser)
    parser.add_argument(
        "--tune",
        action="store_true",
        help="tune every arm on validation data, as the experiment says, and write its tuned.yaml",
    )
    add_retry_failed(parser)
    parser.add_argument(
        "--anew", action="store_true", help="carry out every run, also those whose records are in results/NAME"
    )
    add_arguments_of_plan(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    check(arguments)
    if arguments.plan:
        require_one_or_all(arguments)
        return plan_all(arguments) if arguments.all else plan_one(arguments)
    return for_each(arguments, tune if arguments.tune else run)


def run(arguments: argparse.Namespace) -> str:
    """Run the grid of one experiment and write its results; return a line about them."""
    from cadc.configuration.precheck import precheck
    from cadc.experiment import load_experiment
    from cadc.launchers.launch import split_launcher
    from cadc.storage.output_files import check_output_folder

    experiment = load_experiment(arguments.name)
    if experiment.analysis is not None:
        return _analyse(experiment, arguments)
    if arguments.arm:
        experiment = experiment.only(arguments.arm)
    arguments.overrides, launcher = split_launcher(arguments.overrides)
    cells, folder = wanted(experiment, arguments)
    check_output_folder(folder)
    precheck([cell.overrides for cell in cells])
    # These import PyTorch.
    from cadc.execution.committed import CommittedRuns
    from cadc.execution.jobs import plan, runnable_cells
    from cadc.execution.sweep import execute
    from cadc.ledger import Ledger
    from cadc.loggers.after import AfterRun
    from cadc.reporting.columns import MISSING
    from cadc.reporting.contents import require_names_of_their_own
    from cadc.reporting.results import write_results
    from cadc.reporting.written.terminal import print_table

    cells = runnable_cells(cells)
    jobs = plan([cell.overrides for cell in cells])
    require_names_of_their_own([job.data for job in jobs])
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger()
    after = AfterRun(experiment.name)
    arms = {job.run_id: cell.arm for cell, job in zip(cells, jobs, strict=True)}
    places = [] if arguments.anew else folders_of_results(experiment.name)
    committed = CommittedRuns(experiment, cells, jobs, ledger, places, arguments.retry_failed)

    def work() -> "tuple[Outcome, list[tuple[str, Record]]]":
        outcome = execute(
            jobs, ledger, arguments.retry_failed, launcher=launcher, after=after, arms=arms, committed=committed.records
        )
        records = [committed.records.get(job.run_id) or record_or_state(job, ledger, outcome) for job in jobs]
        return outcome, [(cell.arm, record) for cell, record in zip(cells, records, strict=True)]

    try:
        outcome, runs = work()
        # Which point is chosen, and needs its scores, is known when all runs are done.
        if committed.leave_to_run(runs, not any(MISSING in record for _, record in runs)):
            before = {run_id: state for run_id, state in outcome.states.items() if state != "committed"}
            outcome, runs = work()
            outcome.states |= before
    finally:
        with suppress(OSError):  # it has earlier results
            folder.rmdir()
    if not any(record["metrics"] for _, record in runs):
        n_runs = len(arms)
        raise CadcError(
            f"{n_runs} of {n_runs} runs have no result, so no table is written; "
            f"the first: {next(iter(outcome.errors.values()))}"
        )
    if arguments.output is None and any(MISSING in record for _, record in runs):
        # In `results` there are whole tables.
        folder = own_folder(experiment, arguments)
        check_output_folder(folder)
    present = [job.data for job in jobs]
    table = write_results(experiment, runs, folder, command(arguments), ledger, committed.folders, present)
    print_table(experiment.title, table, arguments.wide)
    show(*table.attrs["seen"])
    after.table(jobs[0].settings.logger, folder)
    done = f"{', '.join(f'{count} {name}' for name, count in outcome.counts.items())}; written to {folder}"
    require_complete(table, done)
    return done


def _analyse(experiment: "Experiment", arguments: argparse.Namespace) -> str:
    """Run the analysis of an experiment without a grid; return a line about it."""
    from cadc.analyses.run import run_analysis
    from cadc.storage.output_files import check_output_folder

    if arguments.arm:
        raise UsageError(f"{experiment.name} is an analysis, which has no arms; leave --arm out.")
    if arguments.all and arguments.overrides:
        return "is an analysis, to which overrides of runs do not apply"
    _, folder = wanted(experiment, arguments)
    check_output_folder(folder)
    overrides = [*(experiment.fast if arguments.fast else ()), *arguments.overrides]
    table = run_analysis(experiment, overrides, folder, command(arguments))
    show(*table.to_string(index=False).splitlines())
    return f"written to {folder}"


def tune(arguments: argparse.Namespace) -> str:
    """Tune the arms of one experiment; return a line about the result."""
    from cadc.experiment import load_experiment
    from cadc.experiment.reading import folder_of
    from cadc.experiment.tuned import FILE, merged, write_tuned
    from cadc.ledger import Ledger
    from cadc.storage.output_files import check_output_folder
    from cadc.tuning.arms import tune_arms

    experiment = load_experiment(arguments.name)
    if experiment.tune is None:
        if arguments.all:
            return "is not tuned"
        raise UsageError(f"{experiment.name} has no key tune; add it to its experiment.yaml.")
    if arguments.arm:
        experiment = replace(experiment.only(arguments.arm), tune=experiment.tune.only(arguments.arm))
    # Only the whole, unchanged grid is tuned for the settings in the experiment's folder.
    is_own = is_part(arguments)
    folder = arguments.output or (own_folder(experiment, arguments) if is_own else folder_of(arguments.name))
    check_output_folder(folder)
    found = tune_arms(experiment, arguments.overrides, Ledger(), arguments.fast)
    if is_own and folder.resolve() == folder_of(arguments.name).resolve():
        found = merged(experiment.tuned, found)  # only some points were tuned again
    try:
        write_tuned(experiment.name, found, folder / FILE)
    except OSError as error:
        raise CadcError(
            f"{folder / FILE} cannot be written ({reason(error)}); choose a folder with --output."
        ) from error
    return f"{len(found)} studies; written to {folder / FILE}"
