"""What a stage left in the cache, damaged. Sizes stay, or the stage is taken for cut off and simply made again."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.malformed import Case, Place, predict, rng_of
from tests.support.commands import TINY


def cases() -> Iterator[Case]:
    """Every damaged file of the cache, with the command that reads it."""
    for kind, (pattern, spoil) in CACHE.items():
        yield _cache(f"cache: {kind}", pattern, spoil)


def _same_size(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        size = len(content)
        change(content)
        assert len(content) == size
        path.write_bytes(content)

    return spoil


def _fill(start: int, stop: int | None, byte: int) -> Callable[[Path], None]:
    def change(content: bytearray) -> None:
        part = range(*slice(start, stop).indices(len(content)))
        content[part.start : part.stop] = bytes([byte]) * len(part)

    return _same_size(change)


def _swap(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(content: bytearray) -> None:
        assert old in content
        content[:] = content.replace(old, new, 1)

    return _same_size(change)


PREPARED, FACTORS = "prepared/*", "factors/*"
NOISE = rng_of("cache").bytes(1 << 16)


def _noise(path: Path) -> None:
    path.write_bytes((NOISE * (path.stat().st_size // len(NOISE) + 1))[: path.stat().st_size])


CACHE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "meta.json of NULs": (f"{PREPARED}/meta.json", _fill(0, None, 0)),
    "meta.json of noise": (f"{PREPARED}/meta.json", _noise),
    "meta.json without its end": (f"{PREPARED}/meta.json", _fill(-50, None, 32)),
    "meta.json without rows": (f"{PREPARED}/meta.json", _swap(b'"rows"', b'"sowr"')),
    "meta.json without a schema": (f"{PREPARED}/meta.json", _swap(b'"schema"', b'"scheme"')),
    "meta.json with a field of a path": (f"{PREPARED}/meta.json", _swap(b'"age"', b'"../"')),
    "meta.json with a side of its own": (f"{PREPARED}/meta.json", _swap(b'"bag"', b'"gab"')),
    "meta.json with other counts": (f"{PREPARED}/meta.json", _swap(b'"train": 2', b'"train": 9')),
    "meta.json with another content": (f"{PREPARED}/meta.json", _swap(b'"content_hash": "', b'"content_hash": 7')),
    "header of item_ids.npy": (f"{PREPARED}/item_ids.npy", _fill(12, 40, 33)),
    "objects in user_ids.npy": (f"{PREPARED}/user_ids.npy", _swap(b"'<i4'", b"'|O' ")),
    "user_ids.npy of noise": (f"{PREPARED}/user_ids.npy", _noise),
    "ids in user_ids.npy": (f"{PREPARED}/user_ids.npy", _fill(200, 400, 0x7F)),
    "ids below zero in item_ids.npy": (f"{PREPARED}/item_ids.npy", _fill(200, 400, 0xFF)),
    "bags of items": (f"{PREPARED}/item_bag_tags.npy", _fill(200, 260, 0x7F)),
    "bounds of bags": (f"{PREPARED}/item_bag_tags_offsets.npy", _fill(200, 260, 0x7F)),
    "bounds below zero": (f"{PREPARED}/item_bag_tags_offsets.npy", _fill(200, 260, 0xFF)),
    "vocabulary of users": (f"{PREPARED}/vocabulary_hour.parquet", _fill(-12, None, 0)),
    "vocabulary of noise": (f"{PREPARED}/vocabulary_hour.parquet", _noise),
    "keys of users": (f"{PREPARED}/entities_user.parquet", _noise),
    "keys of items": (f"{PREPARED}/entities_item.parquet", _fill(-200, -8, 0xAA)),
    "factors of noise": (f"{FACTORS}/factors.safetensors", _noise),
    "header of factors": (f"{FACTORS}/factors.safetensors", _fill(0, 8, 0xFF)),
    "factors that are not finite": (f"{FACTORS}/factors.safetensors", _fill(-400, None, 0xFF)),
    "factors of another field": (f"{FACTORS}/factors.safetensors", _swap(b"vectors.user", b"vectors.xser")),
    "cost of noise": (f"{FACTORS}/cost.json", _noise),
    "cost of texts": (f"{FACTORS}/cost.json", _swap(b'"seconds"', b'"sounds" ')),
}


COLUMNS = ("user.npy", "item.npy")
"""Read by describing the log, which scoring new rows does not ask for."""
for _column in COLUMNS:
    CACHE |= {
        f"header of {_column}": (f"{PREPARED}/{_column}", _fill(0, 8, 0)),
        f"{_column} of noise": (f"{PREPARED}/{_column}", _noise),
        f"{_column} of other numbers": (f"{PREPARED}/{_column}", _swap(b"'<i4'", b"'<f4'")),
        f"{_column} of another length": (f"{PREPARED}/{_column}", _swap(b"(3000,)", b"(2999,)")),
        f"users and items that are not there in {_column}": (f"{PREPARED}/{_column}", _fill(200, 400, 0x7F)),
        f"rows below zero in {_column}": (f"{PREPARED}/{_column}", _fill(-200, None, 0xFF)),
    }


def _cache(name: str, pattern: str, damage: Callable[[Path], None]) -> Case:
    def spoil(place: Place) -> list[str]:
        paths = list(place.cache.glob(pattern))
        assert paths
        for path in paths:
            damage(path)
        if pattern.endswith(COLUMNS):
            return ["data", "describe", "synthetic", *TINY[1:4]]
        return predict(place, place.dlrm)

    named = "prepared" if pattern.startswith(PREPARED) else "factors"
    return Case(name, spoil, named, "runs")
