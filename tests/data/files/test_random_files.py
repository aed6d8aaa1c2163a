"""Random files of all formats are read as they were written, or a sentence says why not."""

import pytest

from tests.data.files.fuzzing import compare

N_FILES = 240
N_CHUNKS = 4


@pytest.mark.parametrize("chunk", range(N_CHUNKS))
def test_random_files_are_read_as_written_or_refused(tmp_path, chunk):
    _compare(tmp_path, range(chunk, N_FILES, N_CHUNKS))


@pytest.mark.exhaustive
@pytest.mark.parametrize("chunk", range(N_CHUNKS))
def test_thousands_of_random_files_are_read_as_written_or_refused(tmp_path, chunk):
    _compare(tmp_path, range(1000 + chunk, 6000, N_CHUNKS))


def _compare(folder, numbers):
    outcomes = []
    for number in numbers:
        place = folder / str(number)
        place.mkdir()
        try:
            outcomes.append(compare(place, number))
        except Exception as error:
            raise AssertionError(f"python -m tests.data.files.fuzzing 1 {number}: {error}") from error
    # Most files are sound, and are not refused to be on the safe side.
    assert sum("equal" in outcome for outcome in outcomes) > len(outcomes) / 2
