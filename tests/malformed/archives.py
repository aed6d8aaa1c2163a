"""ZIP archives: members that lead outside, links, devices, lies about sizes, bombs, and files that are none."""

import hashlib
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cadc.data.sources.ml_1m import MovieLens1M
from tests.malformed import Case, Place, rng_of

Make = Callable[[Path], None]
GOOD = {name: f"{name} of some text\n" * 20 for name in MovieLens1M.files}
FIRST = "ratings.dat"


def write_zip(path: Path, content: dict[str, str | bytes] = GOOD, **attributes: int) -> None:
    """Write an archive; attributes are those of the first member: `mode` of the file and `compress_type`."""
    with zipfile.ZipFile(path, "w", attributes.get("compress_type", zipfile.ZIP_DEFLATED)) as file:
        for name, text in content.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = file.compression
            if name == FIRST and "mode" in attributes:
                info.external_attr = attributes["mode"] << 16
            file.writestr(info, text)


def with_member(name: str) -> Make:
    """A sound archive with one member more."""
    return lambda path: write_zip(path, GOOD | {name: "evil"})


def with_mode(kind: int) -> Make:
    """An archive whose first member is marked as another kind of file."""
    return lambda path: write_zip(path, GOOD | {FIRST: "/etc/passwd"}, mode=kind | 0o777)


def twice(path):
    write_zip(path, GOOD | {f"elsewhere/{FIRST}": "another"})


def encrypted(path):
    write_zip(path)
    patch(path, flags=1)


def unknown_compression(path):
    write_zip(path)
    patch(path, compression=97)


def declares_less(path):
    write_zip(path, GOOD | {FIRST: "0" * 3_000_000}, compress_type=zipfile.ZIP_STORED)
    patch(path, size=10)


def declares_more(path):
    write_zip(path)
    patch(path, size=5000)


def wrong_checksum(path):
    write_zip(path)
    patch(path, crc=1)


def ratio_bomb(path):
    write_zip(path, GOOD | {FIRST: "0" * 20_000_000})


def declared_bomb(path):
    write_zip(path)
    patch(path, size=2**32 - 2)


def ten_thousand_entries(path):
    write_zip(path, GOOD | {f"empty/{number}": "" for number in range(10_001)})


def no_member(path):
    write_zip(path, {"readme.txt": "nothing here"})


def only_folders(path):
    write_zip(path, {f"{name}/": "" for name in MovieLens1M.files})


def cut_in_the_directory(path):
    write_zip(path)
    path.write_bytes(path.read_bytes()[:-40])


def cut_in_half(path):
    write_zip(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noise(path):
    path.write_bytes(rng_of("archive").bytes(3000))


def noise_within(path):
    write_zip(path)
    content = bytearray(path.read_bytes())
    content[45:60] = b"\xff" * 15
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def patch(path: Path, **fields: int) -> None:
    """Change fields of the first member, in its own header and in the directory."""
    content = bytearray(path.read_bytes())
    at_directory = content.index(b"PK\x01\x02")
    for name, (place, in_directory, kind) in {
        "flags": (6, 8, "<H"),
        "compression": (8, 10, "<H"),
        "crc": (14, 16, "<I"),
        "size": (22, 24, "<I"),
    }.items():
        if name in fields:
            struct.pack_into(kind, content, place, fields[name])
            struct.pack_into(kind, content, at_directory + in_directory, fields[name])
    path.write_bytes(content)


MADE: dict[str, Make] = {
    "parent": with_member("../evil.txt"),
    "parent further in": with_member("ml-1m/../../evil.txt"),
    "absolute": with_member("/tmp/evil.txt"),
    "drive letter": with_member("C:/evil.txt"),
    "drive letter without a slash": with_member("c:evil.txt"),
    "backslashes": with_member("..\\evil.txt"),
    "network share": with_member("\\\\server\\evil.txt"),
    "name with a newline": with_member("evil\n.txt"),
    "name with a NUL": lambda path: (
        write_zip(path, GOOD | {"evil_.txt": "evil"}),
        path.write_bytes(path.read_bytes().replace(b"evil_", b"evil\0")),
    ),
    "symbolic link": with_mode(stat.S_IFLNK),
    "character device": with_mode(stat.S_IFCHR),
    "block device": with_mode(stat.S_IFBLK),
    "pipe": with_mode(stat.S_IFIFO),
    "socket": with_mode(stat.S_IFSOCK),
    **{
        made.__name__: made
        for made in (
            twice,
            encrypted,
            unknown_compression,
            declares_less,
            declares_more,
            wrong_checksum,
            ratio_bomb,
            declared_bomb,
            ten_thousand_entries,
            no_member,
            only_folders,
            cut_in_the_directory,
            cut_in_half,
            noise,
            noise_within,
            empty,
        )
    },
}


def cases() -> Iterator[Case]:
    """Every archive, lying where a download of the right checksum would lie."""
    for kind, make in MADE.items():
        yield Case(f"archive: {kind}", _spoil(make), "ml-1m.zip")


def _spoil(make: Make) -> Callable[[Place], list[str]]:
    def spoil(place: Place) -> list[str]:
        path = place.cache / "downloads" / "ml-1m.zip"
        path.parent.mkdir(parents=True)
        make(path)
        MovieLens1M.checksum = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        return ["data", "fetch", "ml-1m"]

    return spoil
