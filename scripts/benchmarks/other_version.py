"""An older version of cadc, in a process of its own, whose works take turns with those of this version."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.case import OURS
from benchmarks.options import Options, as_words
from benchmarks.timer import Turn, timed

NAME = "cadc before"
SCRIPTS = Path(__file__).parents[1]


class OtherVersion:
    """A process that runs the cases of a section with the package `cadc` of another checkout.

    Parameters
    ----------
    checkout : folder that holds the package `cadc`.
    section : name of the section.
    options : of the benchmark.
    """

    def __init__(self, checkout: Path, section: str, options: Options) -> None:
        own = Options(options.folder / "before", options.overrides, options.fast)
        own.folder.mkdir(exist_ok=True)
        others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        # The working folder, which may be this checkout, is not searched.
        search = {
            "PYTHONPATH": os.pathsep.join([str(checkout.absolute()), str(SCRIPTS), *others]),
            "PYTHONSAFEPATH": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.other_version", section, *as_words(own)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **search},
        )

    def close(self) -> None:
        """End the process."""
        with self._process:
            _pipe(self._process.stdin).close()

    def prepare(self, case: str) -> str | None:
        """Make the case of this name; return why it cannot be, or None."""
        answer = self._ask({"case": case})
        return answer.get("error")

    def turn(self, number: int) -> Turn:
        """Time the work of cadc in the case that was made."""
        answer = self._ask({"number": number})
        if "error" in answer:
            raise RuntimeError(f"{NAME}: {answer['error']}")
        return Turn(answer["wall"], answer["cpu"], answer["figures"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        to, back = _pipe(self._process.stdin), _pipe(self._process.stdout)
        to.write(json.dumps(question) + "\n")
        to.flush()
        line = back.readline()
        if not line:
            raise RuntimeError(f"{NAME}: its process ended; its message is above.")
        found: dict[str, Any] = json.loads(line)
        return found


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def serve(section: str, folder: str, fast: str, *overrides: str) -> None:
    """Answer the questions of an `OtherVersion` from standard input, line by line, until it ends."""
    from benchmarks.sections_by_name import section_named

    # What libraries print goes to standard error, since the answers go to standard output.
    answers, sys.stdout = sys.stdout, sys.stderr
    options = Options(Path(folder), tuple(overrides), fast == "1")
    with options.environment():
        cases = section_named(section).cases(options)
        turn = None
        for line in sys.stdin:
            question = json.loads(line)
            try:
                if "case" in question:
                    turn = None
                    case = next(case for case in cases if case.name == question["case"])
                    turn = timed(case.works[OURS])
                    answer: dict[str, object] = {}
                else:
                    assert turn is not None
                    found = turn(question["number"])
                    answer = {"wall": found.wall, "cpu": found.cpu, "figures": dict(found.figures)}
            except StopIteration:
                answer = {"error": "it does not have this case"}
            except Exception as error:  # an old version may lack anything
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Serve one section."""
    serve(*arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
