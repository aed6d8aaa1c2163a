"""Raw files of MovieLens layout: cut off, of another kind, in another encoding, with fields that are none."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.malformed import Case, Place, rng_of

FILES = {
    "ml-1m": {"ratings.dat": "::", "users.dat": "::", "movies.dat": "::"},
    "ml-100k": {"u.data": "\t", "u.user": "|", "u.item": "|"},
}
RATINGS = ("ratings.dat", "u.data")
Spoil = Callable[[Path, str, str], None]


def empty(path, separator, name):
    path.write_bytes(b"")


def only_blank_lines(path, separator, name):
    path.write_bytes(b"\n\n\r\n\n")


def folder(path, separator, name):
    path.unlink()
    path.mkdir()


def missing(path, separator, name):
    path.unlink()


def dangling_link(path, separator, name):
    path.unlink()
    path.symlink_to("nowhere")


def link_to_itself(path, separator, name):
    path.unlink()
    path.symlink_to(path.name)


def pipe(path, separator, name):
    path.unlink()
    os.mkfifo(path)


def endless_device(path, separator, name):
    path.unlink()
    path.symlink_to("/dev/zero")


def noise(path, separator, name):
    path.write_bytes(b"\0\xff" + rng_of(name).bytes(5000) + b"\n")


def flipped(path, separator, name):
    """Flip the highest bits of every tenth byte, in numbers and separators alike."""
    content = bytearray(path.read_bytes())
    content[::10] = bytes(byte ^ 0xF0 for byte in content[::10])
    path.write_bytes(content)


def utf_16(path, separator, name):
    path.write_text(path.read_text("latin-1"), "utf-16")


def compressed(path, separator, name):
    path.write_bytes(gzip.compress(path.read_bytes()))


def other_separator(path, separator, name):
    path.write_bytes(path.read_bytes().replace(separator.encode(), b";"))


def cut_off(path, separator, name):
    """Cut within the last line, before its last separator."""
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(separator.encode())])


def json_instead(path, separator, name):
    path.write_text('{"user": 1, "item": 2}\n')


def html_instead(path, separator, name):
    path.write_text("<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n")


WHOLE = (
    empty,
    only_blank_lines,
    folder,
    missing,
    dangling_link,
    link_to_itself,
    pipe,
    endless_device,
    noise,
    flipped,
    utf_16,
    compressed,
    other_separator,
    cut_off,
    json_instead,
    html_instead,
)

IDS = {
    "of a path": "../../x",
    "of an absolute path": "/etc/passwd",
    "with a NUL": "1\0",
    "that is empty": "",
    "of a megabyte": "9" * 1_000_000,
    "beyond 64 bits": str(2**63),
    "with an exponent": "1e3",
    "with a fraction": "1.5",
    "of letters": "NaN",
    "of a superscript": "²",
}


def with_id(text: str) -> Spoil:
    """Put a text where a line chosen at random has its first id."""

    def spoil(path, separator, name):
        lines = path.read_text("latin-1").splitlines()
        row = rng_of(name).integers(len(lines))
        lines[row] = separator.join([text, *lines[row].split(separator)[1:]])
        path.write_text("\n".join(lines) + "\n", "latin-1")

    return spoil


def with_one_more_column(path, separator, name):
    lines = path.read_text("latin-1").splitlines()
    lines[rng_of(name).integers(len(lines))] += f"{separator}1"
    path.write_text("\n".join(lines) + "\n", "latin-1")


def with_a_line_twice(path, separator, name):
    lines = path.read_text("latin-1").splitlines()
    path.write_text("\n".join([*lines, lines[rng_of(name).integers(len(lines))]]) + "\n", "latin-1")


COLUMNS = {
    "rating 9": (2, "9"),
    "rating -1": (2, "-1"),
    "rating nan": (2, "nan"),
    "rating inf": (2, "inf"),
    "rating 1e400": (2, "1e400"),
    "no rating": (2, ""),
    "user that is not listed": (0, "41"),
    "item that is not listed": (1, "2"),
    "item of a path": (1, "../../x"),
    "time of letters": (3, "now"),
    "time beyond 64 bits": (3, str(2**63)),
}


def with_column(column: int, text: str) -> Spoil:
    """Put a text into a column of a line chosen at random."""

    def spoil(path, separator, name):
        lines = path.read_text("latin-1").splitlines()
        row = rng_of(name).integers(len(lines))
        parts = lines[row].split(separator)
        parts[column] = text
        lines[row] = separator.join(parts)
        path.write_text("\n".join(lines) + "\n", "latin-1")

    return spoil


def cases() -> Iterator[Case]:
    """Every way to spoil a file, for every file of both layouts."""
    for data, files in FILES.items():
        for file, separator in files.items():
            ways = {way.__name__: way for way in (*WHOLE, with_one_more_column)}
            ways |= {f"id {kind}": with_id(text) for kind, text in IDS.items()}
            if file in RATINGS:
                ways |= {kind: with_column(*change) for kind, change in COLUMNS.items()}
            else:
                ways["with_a_line_twice"] = with_a_line_twice
            if file == "u.user":
                ways |= {f"age {text!r}": with_column(1, text) for text in ("old", "1000", "-1", "", "²")}
            if file == "u.item":
                ways |= {f"flag {text!r}": with_column(9, text) for text in ("2", "", "yes")}
            for kind, way in ways.items():
                yield _case(f"{file}: {kind}", data, file, separator, way)


def _case(name: str, data: str, file: str, separator: str, way: Spoil) -> Case:
    def spoil(place: Place) -> list[str]:
        way(place.data / data / file, separator, name)
        return ["data", "describe", data]

    return Case(name, spoil, file, "data")


def remove(place: Place) -> None:
    """Remove what a case left, pipes included."""
    shutil.rmtree(place.root)
