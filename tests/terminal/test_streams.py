"""Commands end in good order whatever the standard streams are: closed, full, without a reader, or of few letters."""

import subprocess
import sys
from pathlib import Path

import pytest

from cadc.ledger import Ledger
from tests.support.commands import TINY, cadc

EACH = ["2>&-", ">&-", "2>&- >&- <&-"]


def shell(words, tmp_path, redirected="", **environ):
    """Run a command in a shell; return its status, and what it wrote."""
    line = f"{sys.executable} -m cadc {words} {redirected}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["env", *(f"{key}={value}" for key, value in environ.items()), "bash", "-c", line],
        capture_output=True,
        cwd=tmp_path,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("closed", EACH)
def test_a_run_whose_streams_are_closed_finishes(closed, tmp_path):
    status, out, err = shell(f"train {' '.join(TINY)} model=bias", tmp_path, closed)
    assert status == 0, err
    (run_id,) = Ledger().ids()
    assert (run_id in out.decode()) == (">&-" not in closed.replace("2>&-", ""))
    assert b"Traceback" not in err


@pytest.mark.parametrize("words", ["cache list", "data describe synthetic data.n_rows=1000"])
def test_other_commands_do_not_need_open_streams_either(words, tmp_path):
    status, _, err = shell(words, tmp_path, ">&- 2>&-")
    assert (status, err) == (0, b"")


@pytest.mark.parametrize("words", ["ledger export", "predict abc rows.csv"])
def test_a_table_that_nobody_could_read_is_not_made(words, tmp_path):
    status, _, err = shell(words, tmp_path, ">&-")
    assert status == 2
    assert b"standard output is closed" in err and b"to a file" in err


def test_messages_never_go_into_a_file_that_got_the_number_of_a_closed_stream(tmp_path):
    status, *_ = shell(f"train {' '.join(TINY)} model=bias data.n_rows=1", tmp_path, "2>&- >&-")
    assert status != 0
    assert not [path for path in Path(tmp_path).rglob("*") if path.is_file() and b"cadc:" in path.read_bytes()]


@pytest.mark.parametrize("words", ["cache list", "--help"])
def test_a_full_disk_behind_standard_output_is_said(words, tmp_path):
    status, _, err = shell(words, tmp_path, "> /dev/full")
    assert status == 1
    assert err == b"cadc: standard output: no space left on device.\n"


@pytest.mark.parametrize("lost", ["2> /dev/full", "2>&1 > kept | true"])
def test_a_run_does_not_depend_on_who_reads_its_messages(lost, tmp_path):
    status, *_ = shell(f"train {' '.join(TINY)} model=bias", tmp_path, lost)
    assert status == 0
    assert len(Ledger().ids()) == 1


def test_output_without_a_reader_ends_quietly(tmp_path):
    assert shell("ledger list --help", tmp_path, "| true") == (141, b"", b"")


UMLAUTS = "data=table data.path=märz.csv data.user=kunde data.item=stück data.label=gefällt data.name=März model=bias"


def write_log(path, columns):
    rows = "".join(f"ä{row % 20},ö{row % 13},{row % 2}\n" for row in range(400))
    path.write_text(f"{','.join(columns)}\n{rows}", encoding="utf-8")


@pytest.mark.parametrize(
    "environ", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}]
)
def test_letters_that_the_terminal_lacks_are_written_as_escapes(environ, tmp_path):
    write_log(tmp_path / "märz.csv", ("kunde", "stück", "gefällt"))
    status, out, err = shell(f"train {UMLAUTS}", tmp_path, **environ)
    assert status == 0, err
    assert out.isascii() and err.isascii() and rb"data.name=M\xe4rz" in err
    status, out, err = shell("ledger list data.name=März", tmp_path, **environ)
    assert (status, err) == (0, b"")
    assert out.splitlines()[1].startswith(Ledger().ids()[0].encode())


def test_scored_rows_keep_letters_that_the_terminal_lacks(tmp_path, monkeypatch):
    write_log(tmp_path / "märz.csv", ("kunde", "stück", "gefällt"))
    monkeypatch.chdir(tmp_path)
    assert cadc("train", *UMLAUTS.split()).status == 0
    status, out, _ = shell(f"predict {Ledger().ids()[0]} märz.csv", tmp_path, PYTHONIOENCODING="ascii")
    assert (status, out.decode().splitlines()[1][:6]) == (0, "ä0,ö0,")


NOT_UTF_8 = [
    (UMLAUTS.replace(" data.name=März", ""), {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    (r"data=table data.path=$'m\xe4rz.csv' data.user=user data.item=item data.label=label", {}),
]


@pytest.mark.parametrize(("words", "environ"), NOT_UTF_8, ids=["the locale", "the name"])
def test_a_name_that_is_not_utf_8_ends_in_a_sentence(words, environ, tmp_path):
    write_log(tmp_path / "märz.csv", ("kunde", "stück", "gefällt"))
    write_log(tmp_path / b"m\xe4rz.csv".decode(errors="surrogateescape"), ("user", "item", "label"))
    status, _, err = shell(f"train {words}", tmp_path, **environ)
    assert status == 2
    assert err.startswith(b"cadc: ") and err.count(b"\n") == 1 and b"not text in UTF-8" in err
