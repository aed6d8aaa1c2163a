"""`cadc train`: one run, or all combinations of several values with -m."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.errors import UsageError

if TYPE_CHECKING:
    from cadc.execution.jobs import Job
    from cadc.ledger import Ledger

HELP = "train and evaluate one configuration, or with -m all combinations of several values"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as data=ml-1m sampler.rate=0.1")
    parser.add_argument("-m", "--multirun", action="store_true", help="run all combinations of comma-separated values")
    add_retry_failed(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the configuration, the run ids and which are finished"
    )


def add_retry_failed(parser: argparse.ArgumentParser) -> None:
    """Add the option of all commands that run a sweep."""
    parser.add_argument("--retry-failed", action="store_true", help="run again what failed before, from the beginning")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
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
    for job in jobs:
        if job.run_id in ledger:
            show(ledger.path(job.run_id) / RECORD)
    return outcome.exit_status


def _show(jobs: "Sequence[Job]", ledger: "Ledger") -> None:
    """Print the first configuration, and a line for each run."""
    from omegaconf import OmegaConf

    show(*OmegaConf.to_yaml(OmegaConf.create(dict(jobs[0].settings.config))).rstrip().splitlines())
    for job in jobs:
        show(f"{job.run_id}  {ledger.status(job.run_id) or 'to run':11}  {' '.join(job.overrides)}".rstrip())
