"""`cadc train`: one run, or all combinations of several values with -m."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.cli.result_lines import result_lines
from cadc.errors import UsageError

if TYPE_CHECKING:
    from cadc.execution.jobs import Job
    from cadc.execution.outcome import Outcome
    from cadc.ledger import Ledger
    from cadc.ledger.store import Record

HELP = "train and evaluate one configuration, or with -m all combinations of several values"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as data=ml-1m sampler.rate=0.1")
    # The help goes on with the configuration, which is read only if it is asked for.
    parser.add_argument(
        "-h",
        "--help",
        nargs="?",
        const="",
        metavar="GROUP",
        help="show this help, the groups and keys of the configuration; with a word, those of a group, option or key",
    )
    parser.set_defaults(format_help=parser.format_help)
    parser.add_argument("-m", "--multirun", action="store_true", help="run all combinations of comma-separated values")
    add_retry_failed(parser)
    add_wide(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the configuration, the run ids and which are finished"
    )
    parser.add_argument(
        "-c", "--cfg", choices=("job", "hydra", "all"), help="print the composed configuration; no data is prepared"
    )
    parser.add_argument("-p", "--package", metavar="KEY", help="with --cfg: only what is below a key, such as trainer")
    parser.add_argument("--resolve", action="store_true", help="with --cfg, for those used to it: values are resolved")
    parser.add_argument(
        "-i",
        "--info",
        nargs="?",
        const="all",
        metavar="WHAT",
        choices=("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
        help="print the chosen options and their files, folders, plug-ins and launchers",
    )


def add_retry_failed(parser: argparse.ArgumentParser) -> None:
    """Add the option of all commands that run a sweep."""
    parser.add_argument("--retry-failed", action="store_true", help="run again what failed before, from the beginning")


def add_wide(parser: argparse.ArgumentParser) -> None:
    """Add the option of all commands that print a table."""
    parser.add_argument("--wide", action="store_true", help="print all columns, however wide the terminal is")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.help is not None:
        return _help(arguments)
    from cadc.configuration.hydra_habits import answer_command
    from cadc.configuration.overrides import expand
    from cadc.configuration.precheck import precheck
    from cadc.launchers.launch import split_launcher

    answer_command(arguments.overrides)
    overrides, launcher = split_launcher(arguments.overrides)
    combinations = expand(overrides) if arguments.multirun else [overrides]
    if not combinations:
        raise UsageError("the sweep is empty: a key has no values; list some.")
    precheck(combinations)
    if arguments.cfg or arguments.info:
        return _show_composed(arguments, combinations)
    if arguments.package or arguments.resolve:
        raise UsageError("--package and --resolve belong to --cfg; add --cfg job.")

    from cadc.execution.follower import follow_runs, leading_others, place_in_runs

    place = place_in_runs(combinations)
    if place is not None and place.rank > 0:
        return follow_runs(place)
    with leading_others(place):
        return _train(arguments, combinations, launcher)


def _train(arguments: argparse.Namespace, combinations: Sequence[Sequence[str]], launcher: Sequence[str]) -> int:
    from cadc.execution.jobs import plan
    from cadc.execution.sweep import execute
    from cadc.ledger import Ledger
    from cadc.loggers.after import AfterRun
    from cadc.storage.run_files import RECORD

    jobs = plan(combinations)
    ledger = Ledger()
    if arguments.dry_run:
        _show(jobs, ledger)
        return 0
    outcome = execute(jobs, ledger, arguments.retry_failed, launcher=launcher, after=AfterRun())
    if not arguments.multirun and jobs[0].run_id in ledger:
        show(*result_lines(ledger.record(jobs[0].run_id), in_one=not sys.stdout.isatty()))
    for run_id in dict.fromkeys(job.run_id for job in jobs):  # spellings of one run are jobs of their own
        if run_id in ledger:
            show(ledger.path(run_id) / RECORD)
    if arguments.multirun:
        _print_table(jobs, ledger, outcome, arguments.wide)
    return outcome.exit_status


def _print_table(jobs: "Sequence[Job]", ledger: "Ledger", outcome: "Outcome", wide: bool) -> None:
    """Print the table of a sweep; a run without a result has a cell that says so."""
    from cadc.reporting.sweeps.runs_table import runs_table
    from cadc.reporting.written.terminal import print_table

    records = [record_or_state(job, ledger, outcome) for job in {job.run_id: job for job in jobs}.values()]
    if not any(record["metrics"] for record in records):
        return
    shared = [override for override in jobs[0].overrides if all(override in job.overrides for job in jobs)]
    show("")
    print_table(" ".join(shared) or f"{len(records)} runs", runs_table(records, ledger), wide)


def record_or_state(job: "Job", ledger: "Ledger", outcome: "Outcome") -> "Record":
    """Return the record of a run of a sweep, or what stands for it in a table where it has no result."""
    from cadc.reporting.missing import without_result

    if job.run_id in ledger or ledger.is_unreachable(job.run_id):
        return ledger.record(job.run_id)
    return without_result(job.settings, outcome.states.get(job.run_id, "missing").removesuffix(" before"), job.data)


def _help(arguments: argparse.Namespace) -> int:
    """Print the help of the command and of the configuration, or of one part of it."""
    from cadc.cli.configuration.help import configuration_help, help_on

    if arguments.help:
        show(*help_on(arguments.help))
    else:
        show(*arguments.format_help().splitlines(), "", *configuration_help(arguments.overrides))
    return 0


def _show_composed(arguments: argparse.Namespace, combinations: Sequence[Sequence[str]]) -> int:
    """Print the composed configuration of each run, or what it is composed of."""
    from cadc.cli.configuration.shown import configuration_lines, information

    if arguments.cfg == "hydra":
        raise UsageError("--cfg hydra was given, but Hydra only composes here; choose --cfg job.")
    if arguments.info:
        show(*information(combinations[0]))
    if arguments.cfg:
        show(*configuration_lines(combinations, arguments.package))
    return 0


def _show(jobs: "Sequence[Job]", ledger: "Ledger") -> None:
    """Print the first configuration, and a line for each run."""
    from omegaconf import OmegaConf

    show(*OmegaConf.to_yaml(OmegaConf.create(dict(jobs[0].settings.config))).rstrip().splitlines())
    for job in jobs:
        show(f"{job.run_id}  {ledger.status(job.run_id) or 'to run':11}  {' '.join(job.overrides)}".rstrip())
