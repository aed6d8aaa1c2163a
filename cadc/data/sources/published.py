"""Data sets of a publisher: where their files are, and whether they are unchanged."""

from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar

from cadc.data import archive
from cadc.data.sources.source import Source
from cadc.data.text import unreadable
from cadc.errors import NotDownloadable
from cadc.paths import cache_dir, data_dir, regular_file
from cadc.provenance.fingerprint import file_hash
from cadc.terminal.progress import say


class PublishedFiles(Source):
    """A data set whose files come from a publisher."""

    url: ClassVar[str]
    """Address of a ZIP archive, or of the publisher's page if `by_hand`."""
    checksum: ClassVar[str | None] = None
    """`md5:…` or `sha256:…` of the archive; None if the publisher replaces it from time to time."""
    by_hand: ClassVar[bool] = False
    """Whether only a person can fetch the files, because the publisher asks for consent or has no lasting address."""
    rolling: ClassVar[bool] = False
    """Whether the publisher replaces the files from time to time."""
    files: ClassVar[tuple[str, ...]]
    """Names of the files that are read."""
    published_hashes: ClassVar[dict[str, str]] = {}
    """SHA-256 of the files whose content is known without the archive."""

    def place(self) -> str:
        """Return the folder of the raw files, or the address to fetch them from."""
        places = [cache_dir() / "raw" / self.name]
        if (local := data_dir()) is not None:
            places.insert(0, local / self.name)
        if found := next((place for place in places if place.is_dir()), None):
            return str(found)
        if self.by_hand:
            return f"to be put under CADC_DATA_DIR by hand, from {self.url}"
        return f"to be fetched from {self.url}"

    @cached_property
    def folder(self) -> Path:
        """Folder of the raw files: the one under `CADC_DATA_DIR` if it exists, or the cached download.

        Raises
        ------
        NotDownloadable : if the files are missing and only a person can fetch them.
        """
        local = data_dir()
        if local is not None and (local / self.name).is_dir():
            return local / self.name
        if self.by_hand:
            raise NotDownloadable(
                f"{self.name} must be fetched by hand: put {', '.join(self.files)} from {self.url} into a folder "
                f"{self.name} and set CADC_DATA_DIR to the folder that holds it."
            )
        return self.fetch()

    def fetch(self) -> Path:
        """Return the folder in the cache; download the files first if it is missing."""
        return archive.fetch(self.name, self.url, self.checksum, self.files)

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of every raw file."""
        hashes = {}
        for name in self.files:
            try:
                hashes[name] = file_hash(regular_file(self.folder / name))
            except OSError as error:
                raise unreadable(self.folder / name, error) from error
        return hashes

    def known_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the publisher's own files, as far as they are known.

        They stand in the code, or follow from an archive whose checksum stands there: the one that the cache keeps, or
        one that lies in the folder of the files or beside it. No other file says what was published.
        """
        known = dict(self.published_hashes)
        if self.checksum is not None and not set(self.files) <= set(known):
            name = archive.downloaded(self.url).name
            for place in (archive.downloaded(self.url), self.folder / name, self.folder.parent / name):
                if found := archive.member_hashes(place, self.checksum, self.files):
                    return found | known
            if self.folder.is_relative_to(cache_dir()):
                _say_unknown(archive.downloaded(self.url), self.folder)
        return known

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `published` if every file has the hash of the publisher's own, `rolling` or `local` if not."""
        if self.rolling:
            return "rolling"
        known = self.known_hashes()
        return "published" if all(known.get(name) == value for name, value in fingerprint.items()) else "local"


@cache
def _say_unknown(kept: Path, folder: Path) -> None:
    """Say once that what was downloaded can no longer be compared with what was published."""
    say(
        f"{kept} is missing or damaged, so nothing shows that {folder} is what was published, and it counts as local; "
        f"delete {folder} to have both fetched again"
    )
