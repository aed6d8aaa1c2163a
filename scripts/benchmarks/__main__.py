"""Time cadc on this machine, beside other libraries, an older version and the limits of the machine.

scripts/bench                           all sections but those that take minutes, on MovieLens 1M under CADC_DATA_DIR
scripts/bench step auc threads=2        some sections, with overrides of every run that is measured
scripts/bench end_to_end growth         those that take minutes
scripts/bench --against ../before       also the cadc of another checkout, in turn with this one
scripts/bench --output results/bench    write bench.json, table.csv and table.md; other sections there stay
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.case import OURS, Case
from benchmarks.growth_figure import write_growth_figure
from benchmarks.machine import machine, said
from benchmarks.options import Options
from benchmarks.other_version import NAME, OtherVersion
from benchmarks.result import HEADS, Results, Row, cells, rows_of
from benchmarks.sections_by_name import Section, names, section_named
from benchmarks.timer import Turns, alternate, timed


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure sections one after the other, and print each row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="SECTION|KEY=VALUE", help=f"sections: {', '.join(names())}")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout of cadc")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write the results there")
    parser.add_argument("--fast", action="store_true", help="on tiny data, one turn each: does it work?")
    asked = parser.parse_args(arguments)
    wanted = [word for word in asked.words if "=" not in word]
    if unknown := set(wanted) - set(names()):
        parser.error(f"{sorted(unknown)[0]!r} is not a section; expected one of {', '.join(names())}.")
    sections = [section_named(name) for name in wanted or names()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = Options(Path(folder), tuple(word for word in asked.words if "=" in word), asked.fast)
        with options.environment():
            results = Results(asked.output)
            found = machine()
            print(said(found), flush=True)
            for section in sections:
                if section.takes_minutes and not wanted:
                    continue
                started = time.perf_counter()
                rows = list(measure(section, options, asked.against))
                results.add(section.name, section.title, found, time.perf_counter() - started, rows)
                if section.name == "growth" and asked.output:
                    write_growth_figure(results.sections["growth"]["rows"], asked.output)


def measure(section: Section, options: Options, against: Path | None) -> Iterator[Row]:
    """Yield the rows of a section, and print them."""
    print(f"\n{section.name}: {section.title}\n{' | '.join(HEADS)}", flush=True)
    before = OtherVersion(against, section.name, options) if against else None
    try:
        for case in section.cases(options):
            for row in measure_case(section.name, case, before, 1 if options.fast else case.repeats):
                print(" | ".join(cells(row)), flush=True)
                yield row
    finally:
        if before:
            before.close()


def measure_case(section: str, case: Case, before: OtherVersion | None, repeats: int) -> list[Row]:
    """Return the rows of a case, whose works take turns."""
    works: dict[str, Turns] = {}
    remarks = dict(case.remarks)
    for name, work in case.works.items():
        works[name] = timed(work)
        if name == OURS and before:
            if why := before.prepare(case.name):
                remarks[NAME] = why
            else:
                works[NAME] = before.turn
    return rows_of(section, case, alternate(case, works, repeats), remarks)


if __name__ == "__main__":
    main()
