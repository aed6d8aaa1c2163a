"""Whatever a record holds, no command of the ledger stumbles, lets a terminal act on it, or takes it for a path."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadc.ledger import Ledger
from cadc.ledger.safe_text import harmless
from tests.ledger.conftest import record
from tests.support.commands import cadc

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x7f\u202e\ud800\n"
HUGE = "x" * 100_000


def nested(levels):
    return json.loads('{"a":' * levels + "1" + "}" * levels)


HOSTILE = {
    "escapes in values": record(
        "a",
        status="failed",
        reason=ESCAPES,
        config={"seed": ESCAPES, "choices": {"data": ESCAPES}},
        code={"commit": ESCAPES, "hash": ESCAPES},
        metrics={"test/auc": ESCAPES},
        finished_at=ESCAPES,
        uses=[ESCAPES],
    ),
    "escapes in keys": record(
        "a", config={ESCAPES: {ESCAPES: 1}, "choices": {ESCAPES: "x"}}, metrics={f"test/{ESCAPES}": 0.5}, **{ESCAPES: 1}
    ),
    "an id that leads elsewhere": record("../../elsewhere", files={"../../elsewhere": "0", "/etc/passwd": "0"}),
    "an id with escapes": record(ESCAPES, config={"evaluate": ESCAPES}),
    "wrong types": record("a", config=[], metrics="x", cost=5, finished_at=7, uses={}, code=[], data=1, bytes="x"),
    "other wrong types": record("a", config={"choices": [], "sampler": 1}, metrics={"test/auc": {}}, uses=[[]]),
    "nothing but nulls": dict.fromkeys(record()) | {"id": None, "status": "finished", "schema_version": 1},
    "huge texts": record("a", config={"seed": HUGE, "choices": {"data": HUGE}}, reason=HUGE, status="failed"),
    "huge numbers": record("a", config={"seed": 10**4000}, metrics={"test/auc": 10**400}, cost={"total_s": 10**400}),
    "infinite numbers": record("a", metrics={"test/auc": float("inf")}, cost={"total_s": float("nan")}),
    "deep nesting": record("a", config=nested(600)),
    "very deep nesting": '{"id": "a", "config": {}, "metrics": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "many keys": record("a", config={f"key{number}": number for number in range(5000)}),
    "a wrong version": record("a", schema_version=ESCAPES),
    "a wrong status": record("a", status=ESCAPES),
    "a status that is a list": record("a", status=[ESCAPES]),
    "a class that leads elsewhere": record("a", config={"sampler": {"_target_": "os.system", "command": "touch x"}}),
    "no json": ESCAPES.replace("\ud800", ""),
}


def assert_harmless(text):
    assert all(line.isprintable() for line in text.split("\n")), ascii(text[:1000])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a hostile record beside a sound one; the test fails where anything appears outside of the ledger."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (tmp_path / "elsewhere").mkdir()

    def write(found, name="hostile", also=()):
        ledger = Ledger()
        for run_id, content in (("sound", record("sound")), (name, found), *also):
            ledger.path(run_id).mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            (ledger.path(run_id) / "record.json").write_text(text)
        return ledger

    yield write
    assert list(work.iterdir()) == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


COMMANDS = (
    ["list"],
    ["list", "seed=0"],
    ["show", "hostile"],
    ["show", "hostile", "--json"],
    ["diff", "sound", "hostile"],
    ["diff", "hostile", "sound", "--json"],
    ["verify"],
    ["verify", "hostile"],
    ["export"],
    ["export", "--status", "all"],
)


@pytest.mark.parametrize("what", HOSTILE)
def test_every_command_takes_it_calmly(write, what):
    write(HOSTILE[what])
    for words in COMMANDS:
        answer = cadc("ledger", *words)
        assert answer.status in (0, 1, 2), words
        assert "unexpected; --debug" not in answer.err, (words, answer.err)
        assert_harmless(answer.out)
        assert_harmless(answer.err)
        if words[0] != "export" and "--json" not in words:
            assert max(map(len, answer.out.splitlines()), default=0) < 10_000
        if words == ["list"]:
            lines = answer.out.splitlines()
            assert len(lines) == 4  # a heading, two runs, what they come to
            assert any(line.startswith("sound ") and "finished" in line for line in lines)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("what", ["escapes in values", "escapes in keys", "an id with escapes"])
def test_exported_text_is_harmless_in_a_terminal(write, tmp_path, what, suffix):
    write(HOSTILE[what])
    assert cadc("ledger", "export", "--status", "all", tmp_path / f"x{suffix}").status == 0
    assert_harmless((tmp_path / f"x{suffix}").read_text())


def test_a_folder_with_a_hostile_name_is_shown_harmlessly(write):
    name = "\x1b[31mred\x07"
    write(record(name), name, also=[("\x1b[32mgreen", "{")])
    (Ledger().folder / ".unfinished" / "\x1b[33m").mkdir(parents=True)
    (Ledger().folder / "\x1b[34m").mkdir()
    for words in (["list"], ["verify"], ["show", "\x1b[31m"], ["show", "\x1b[3"], ["show", "\x1b[32"], ["export"]):
        answer = cadc("ledger", *words)
        assert "unexpected; --debug" not in answer.err
        assert_harmless(answer.out)
        assert_harmless(answer.err)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_about_unfinished_runs_is_shown_harmlessly(write, what):
    ledger = write(record("a"), "a")
    workplace = ledger.folder / ".unfinished" / "hostile"
    workplace.mkdir(parents=True)
    content = HOSTILE[what]
    (workplace / "about.json").write_text(content if isinstance(content, str) else json.dumps(content))
    lease = {"host": ESCAPES, "process": ESCAPES, "machine": "other", "started": 1}
    for hold in (False, True):
        if hold:
            (workplace / "lease-0").write_text(json.dumps(lease))
        for words in COMMANDS:
            answer = cadc("ledger", *words)
            assert "unexpected; --debug" not in answer.err, (words, answer.err)
            assert_harmless(answer.out)
            assert_harmless(answer.err)


def test_files_named_by_a_record_are_not_opened(write, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    os.mkfifo(secret)  # opening it would wait for ever
    ledger = write(record("hostile", files={str(secret): "0", "../../secret": "0", "scores.parquet": "0"}))
    answer = cadc("ledger", "verify", "hostile")
    assert answer.status == 1
    assert f"{secret} is missing" in answer.out
    assert ledger.path("hostile").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*record(), "data", "code", "files", "bytes", "uses", "reason"]), JSON))
def test_whatever_stands_in_a_record_no_command_stumbles(write, changes):
    write(record("hostile") | changes)
    for words in COMMANDS:
        answer = cadc("ledger", *words)
        assert "unexpected; --debug" not in answer.err, (words, answer.err)
        assert_harmless(answer.out)
        assert_harmless(answer.err)


@given(st.text())
def test_a_harmless_text_is_one_printable_line(text):
    assert harmless(text).isprintable()
    if text.isprintable():
        assert harmless(text) == text
