"""Columns stand below their headings at every width, and no line is wider than its terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cadc.terminal.aligned import GAP, Column, aligned

TEXTS = st.text(st.sampled_from("ab c=宽é1"), max_size=12).map(str.strip)
COLUMNS = st.integers(0, 4).flatmap(
    lambda n_rows: st.lists(
        st.builds(
            Column,
            head=st.text(st.sampled_from("xyz"), min_size=1, max_size=6),
            cells=st.lists(TEXTS, min_size=n_rows, max_size=n_rows),
            is_number=st.booleans(),
            weight=st.integers(0, 5),
            least=st.none() | st.integers(3, 8),
        ),
        min_size=1,
        max_size=6,
    ).filter(lambda columns: any(any(column.cells) for column in columns))
)


@given(COLUMNS)
def test_without_a_width_nothing_is_missing(columns):
    lines, is_cut = aligned(columns)
    assert not is_cut
    shown = [column for column in columns if any(column.cells)]
    assert len(lines) == 1 + len(columns[0].cells)
    for line, cells in zip(lines[1:], zip(*(column.cells for column in shown), strict=True), strict=True):
        rest = line
        for cell in filter(None, cells):
            before, found, rest = rest.partition(cell)
            assert found == cell and not before.strip()


@given(COLUMNS, st.integers(20, 60))
def test_no_line_is_wider_than_the_terminal_and_what_matters_most_stays_whole(columns, width):
    lines, is_cut = aligned(columns, width)
    assert max(map(cell_len, lines)) <= width
    shown = [column for column in columns if any(column.cells)]
    first = max(shown, key=lambda column: column.weight)
    assert first.head in lines[0]
    natural = sum(max(map(cell_len, (column.head, *column.cells))) for column in shown) + GAP * (len(shown) - 1)
    assert is_cut == (natural > width)


def test_numbers_end_and_texts_begin_below_their_heading():
    lines, _ = aligned([Column("arm", ["a", "bbbb"]), Column("seconds", ["1.5", "100.0"], is_number=True)])
    assert lines == ["arm   seconds", "a         1.5", "bbbb    100.0"]
