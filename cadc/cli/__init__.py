"""The command line: `cadc COMMAND ...`.

Each command is a module with `HELP`, `add_arguments(parser)` and `main(arguments)`. `main` imports what it needs only
when it is called, so that `cadc --help` answers at once.
"""

import argparse
import gc
import importlib
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NoReturn

from cadc import __version__
from cadc.cli.limits import require_addresses
from cadc.cli.unknown_words import of_hydra, unknown_words
from cadc.data.remarks.said import forget_remarks
from cadc.errors import CadcError, UsageError, one_line, reason, shown
from cadc.escape import without_passwords
from cadc.provenance.pinned_kernels import require_kernels
from cadc.terminal.interrupts import interrupting
from cadc.terminal.streams import discard_output, standard_streams

COMMANDS = (
    "train",
    "experiment",
    "tune",
    "report",
    "claims",
    "table",
    "page",
    "plot",
    "ledger",
    "rerun",
    "sync",
    "predict",
    "export",
    "data",
    "cache",
    "doctor",
    "completion",
)
OWN_HELP = ("train",)
"""Commands that print their help themselves, since it goes on with the configuration."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : arguments of the command line; None takes those of the process.

    Returns
    -------
    status : 0; 1 for failures, 2 for wrong usage, 3 for runs that could not be repeated, 130 for Ctrl-C, 141 for a
        closed pipe, 143 for SIGTERM.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if argv is None:
        # Libraries create a million objects when they are imported, none of them garbage: to search them at the usual
        # pace takes a seventh of the time of a small run.
        gc.set_threshold(100_000)
    if argv is None and "--debug" in words:
        sys.excepthook = _show_trace
    with standard_streams(), interrupting() as received:
        return _run_and_report(lambda: _run(words), received, "--debug" in words)


def _run(words: Sequence[str]) -> int:
    """Parse the words of a command, run it and return its exit status."""
    forget_remarks()
    parser = _Parser(
        prog="cadc",
        description="How little training data, and how few bytes of table, does a recommender need?",
    )
    parser.add_argument("--version", action="version", version=f"cadc {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    modules = {}
    for name in COMMANDS:
        module = modules[name] = importlib.import_module(f"cadc.cli.{name}")
        subparser = subparsers.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False, add_help=name not in OWN_HELP
        )
        module.add_arguments(subparser)
        subparser.add_argument("--debug", action="store_true", help="show the stack trace of an error")
    try:
        if words[:1] == ["train"] and (misread := of_hydra(words)):
            parser.error(unknown_words("train", misread, ()))
        arguments, rest = parser.parse_known_args(words)
        if arguments.command is None:
            parser.print_help()
            return 0
        if any(text.startswith("-") for text in rest) or (rest and not hasattr(arguments, "overrides")):
            flags = [flag for own in subparsers.choices[arguments.command]._actions for flag in own.option_strings]
            parser.error(unknown_words(arguments.command, rest, flags, hasattr(arguments, "overrides")))
    except SystemExit:
        sys.stdout.flush()
        raise
    if rest:
        # argparse stops collecting overrides at an option between them.
        arguments.overrides += rest
    require_addresses()
    require_kernels()
    if getattr(arguments, "overrides", None):
        from cadc.configuration.override_text import expand_files

        arguments.overrides = expand_files(arguments.overrides)
    return int(modules[arguments.command].main(arguments))


class _Parser(argparse.ArgumentParser):
    """Repeats what the user wrote without passwords and control characters."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is not among the choices of an argument, with those that were meant."""
        if action.choices is None or value in action.choices:
            return
        from cadc.configuration.suggestions import nearest

        known = [str(choice) for choice in action.choices]
        near = " or ".join(nearest(str(value), known))
        hint = f"did you mean {near}?" if near else f"choose one of {', '.join(known)}."
        what = "is not a command" if action.dest == "command" else "is not one of its values"
        raise argparse.ArgumentError(None if action.dest == "command" else action, f"{shown(value)} {what}; {hint}")


def _run_and_report(run: Callable[[], int], received: list[int], debug: bool) -> int:
    """Run a command and report its failure in one sentence; return the exit status."""
    try:
        status = run()
        # The rest of the output may find a closed pipe, or a full disk.
        sys.stdout.flush()
        return status
    except CadcError as error:
        if debug:
            raise
        print(f"cadc: {one_line(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        sentence = str(interrupt) or "interrupted; finished runs are kept. Run the same command again to resume."
        print(f"cadc: {one_line(sentence)}", file=sys.stderr)
        return 128 + (received[0] if received else signal.SIGINT)
    except BrokenPipeError:
        # The reader of the output has ended (`cadc ... | head`).
        discard_output()
        return 141
    except OSError as error:
        if debug:
            raise
        sentence = f"{error.filename or 'a file'}: {reason(error)}."
        print(f"cadc: {one_line(sentence)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            discard_output()
        return 1
    except UnicodeEncodeError as error:
        if debug:
            raise
        # Bytes of a name that are not text arrive as surrogates, which Arrow cannot pass on.
        found = shown(error.object[max(0, error.start - 20) : error.end + 20])
        print(
            f"cadc: {found} is not text in UTF-8; rename the file or folder, or set PYTHONUTF8=1 if only the locale "
            "is another one.",
            file=sys.stderr,
        )
        return UsageError.exit_status
    except Exception as error:
        if debug:
            raise
        first_line = one_line((str(error).splitlines() or ["no reason given"])[0])
        if isinstance(error, MemoryError) or "allocate memory" in first_line:
            print(
                f"cadc: there is too little memory ({first_line}); choose smaller tables, layers or batches, or a "
                "larger machine.",
                file=sys.stderr,
            )
        else:
            print(f"cadc: {type(error).__name__}: {first_line} (unexpected; --debug shows where)", file=sys.stderr)
        return 1


def _show_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a stack trace without passwords."""
    for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
        print(without_passwords(line), file=sys.stderr)
