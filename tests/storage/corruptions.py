"""What disks, people and processes do to files: each function damages one file of a folder, by random choices."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

Damage = Callable[[Path, np.random.Generator], None]


def _rewrite(change: Callable[[bytearray, np.random.Generator], None]) -> Damage:
    """Change bytes in place, and give the file its former time of change back."""

    def damage(path: Path, rng: np.random.Generator) -> None:
        before = path.stat()
        content = bytearray(path.read_bytes())
        change(content, rng)
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return damage


def flip_bit(content: bytearray, rng: np.random.Generator) -> None:
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)


def flip_last_bytes(content: bytearray, rng: np.random.Generator) -> None:
    """In numbers the last bytes weigh most, and in files the last part is the test part."""
    content[-int(rng.integers(1, 9))] ^= 0x41


def zero_block(content: bytearray, rng: np.random.Generator) -> None:
    first = int(rng.integers(len(content)))
    size = min(len(content) - first, int(rng.integers(1, 600)))
    content[first : first + size] = bytes(size)


def noise(content: bytearray, rng: np.random.Generator) -> None:
    first = int(rng.integers(len(content)))
    content[first:] = rng.bytes(len(content) - first)


def exchange_blocks(content: bytearray, rng: np.random.Generator) -> None:
    size = max(1, min(128, len(content) // 3))
    first, second = sorted(rng.integers(0, len(content) - size, 2))
    content[first : first + size], content[second : second + size] = (
        content[second : second + size],
        content[first : first + size],
    )


def shift(content: bytearray, rng: np.random.Generator) -> None:
    """A byte lost, another gained: the size stays."""
    del content[rng.integers(len(content))]
    content.append(0)


def truncate(path: Path, rng: np.random.Generator) -> None:
    os.truncate(path, int(rng.integers(path.stat().st_size)))


def extend(path: Path, rng: np.random.Generator) -> None:
    with path.open("ab") as file:
        file.write(rng.bytes(int(rng.integers(1, 100))))


def delete(path: Path, rng: np.random.Generator) -> None:
    path.unlink()


def exchange_files(path: Path, rng: np.random.Generator) -> None:
    """The names of two files of the folder are exchanged."""
    others = sorted(other for other in path.parent.iterdir() if other != path)
    other = others[rng.integers(len(others))]
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)


def add_file(path: Path, rng: np.random.Generator) -> None:
    """A column that the log does not have would be read if it were there."""
    names = ["oracle.npy", "time.npy", "dense.npy", "context_ids.npy", "more.npy"]
    names = [name for name in names if not path.with_name(name).exists()]
    shutil.copyfile(path, path.with_name(names[rng.integers(len(names))]))


def link_elsewhere(path: Path, rng: np.random.Generator) -> None:
    """The file is moved away and a link put in its place; what is behind it is another's to change."""
    elsewhere = path.parent.parent.parent / f"elsewhere-{rng.integers(2**60)}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def link_to_nothing(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.symlink_to("nothing")


def pipe(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"")


def nothing_in_it(path: Path, rng: np.random.Generator) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


IN_PLACE = (flip_bit, flip_last_bytes, zero_block, noise, exchange_blocks, shift)
OTHERS = (
    truncate,
    extend,
    delete,
    exchange_files,
    add_file,
    link_elsewhere,
    link_to_nothing,
    pipe,
    folder,
    empty,
    nothing_in_it,
)
DAMAGES: dict[str, Damage] = {change.__name__: _rewrite(change) for change in IN_PLACE} | {
    damage.__name__: damage for damage in OTHERS
}


def snapshot(folder: Path) -> dict[str, object]:
    """Return the content of a folder's files, or their kind if they are no regular files."""
    return {
        path.name: path.read_bytes() if path.is_file() and not path.is_symlink() else path.lstat().st_mode
        for path in folder.iterdir()
    }
