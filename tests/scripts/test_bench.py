"""The script of timings: works take turns, what is said of them follows from the turns, and every section runs."""

import json
import sys
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from benchmarks.__main__ import main, measure_case  # noqa: E402
from benchmarks.case import OURS, Case  # noqa: E402
from benchmarks.options import Options  # noqa: E402
from benchmarks.other_version import NAME, OtherVersion  # noqa: E402
from benchmarks.plain_dlrm import PlainRows, plain_model, products  # noqa: E402
from benchmarks.result import FILE, Results, rows_of  # noqa: E402
from benchmarks.sections_by_name import names, section_named  # noqa: E402
from benchmarks.timer import Times, Turn, alternate, timed  # noqa: E402
from cadc.models.dlrm import DLRM  # noqa: E402
from cadc.pipeline.build import draw_sample, make_model  # noqa: E402

QUICK = ["auc", "ranking", "samplers", "scoring"]
OF_PROCESSES = ["end_to_end", "growth", "processes"]


def test_works_take_turns_in_both_orders():
    done = []
    case = Case("", {name: lambda name=name: done.append(name) for name in "abc"}, most_seconds=0.0, warm_up=False)
    times = alternate(case, {name: timed(work) for name, work in case.works.items()}, 2)
    assert done == ["a", "b", "c", "c", "b", "a"]
    assert {name: len(own.turns) for name, own in times.items()} == {"a": 2, "b": 2, "c": 2}


def test_short_work_is_done_several_times_a_turn():
    numbers = []

    def turn(number):
        numbers.append(number)
        return Turn(0.001, 0.001, {})

    alternate(Case("", {}, most_seconds=0.0), {OURS: turn}, 3)
    assert numbers == [1, 1, 50, 50, 50]


def test_processor_time_of_child_processes_counts(tmp_path):
    from benchmarks.process import python

    burn = "import time\nwhile time.process_time() < 0.2: pass"
    assert timed(lambda: python("-c", burn, folder=tmp_path))(1).cpu >= 0.2


def test_a_figure_may_count_as_the_seconds():
    case = Case("", {OURS: lambda: {"inside": 7.0}}, most_seconds=0.0, warm_up=False, timed_by="inside")
    (row,) = measure_case("section", case, None, 2)
    assert (row.seconds, row.least, row.most) == (7.0, 7.0, 7.0)


def times_of(*seconds):
    return Times([Turn(wall, wall / 2, {"quality": wall}) for wall in seconds])


def test_rows_say_medians_spread_and_shares():
    times = {OURS: times_of(2.0, 1.0, 6.0), "peer": times_of(4.0, 3.0, 5.0), "limit: x": times_of(1.0, 1.0, 1.0)}
    case = Case("case", {}, 8.0, "rows")
    ours, peer, limit, absent = rows_of("section", case, times, {"other": "not installed"})
    assert (ours.seconds, ours.least, ours.most, ours.cpu_seconds) == (2.0, 1.0, 6.0, 1.0)
    assert (ours.relative, peer.relative, limit.relative) == (1.0, 2.0, 0.5)
    assert (ours.share, peer.share, limit.share) == (0.5, 0.25, None)
    assert peer.figures == {"quality": 4.0}
    assert (absent.by, absent.turns, absent.remark) == ("other", 0, "not installed")


def test_a_section_measured_again_replaces_its_own_rows_alone(tmp_path):
    machine = {"cpu": "chip", "cpus": 2, "threads": 1, "instructions": ["avx2"], "used_instructions": "AVX2"}
    machine |= {"caches": {}, "gflops": 1.0, "gb_per_s": 2.0, "python": "3", "packages": {"torch": "2"}}
    machine |= {"code": {"version": "0.1.0", "commit": None, "dirty": None}}
    for name, wall in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        rows = rows_of(name, Case("case", {}), {OURS: times_of(wall)}, {})
        Results(tmp_path).add(name, "title", machine, 1.0, rows)
    saved = json.loads((tmp_path / FILE).read_text())["sections"]
    assert {name: [row["seconds"] for row in own["rows"]] for name, own in saved.items()} == {"a": [3.0], "b": [2.0]}
    text = (tmp_path / "table.md").read_text()
    assert text.count("chip, 2 processors") == 2
    assert "| case | cadc | 3 s | 3 s | 3 s | 1.5 s |" in text


def test_an_older_version_takes_turns_in_a_process_of_its_own(tmp_path):
    package = tmp_path / "before" / "cadc" / "evaluation" / "metrics"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parents[1]):
        (folder / "__init__.py").touch()
    called = tmp_path / "called"
    (package / "auc.py").write_text(f"def auc(label, score):\n    open({str(called)!r}, 'w').close()\n")
    before = OtherVersion(tmp_path / "before", "auc", Options(tmp_path, fast=True))
    try:
        cases = section_named("auc").cases(Options(tmp_path, fast=True))
        rows = measure_case("auc", next(cases), before, 1)
        assert called.exists()
        assert [row.by for row in rows][:2] == [OURS, NAME]
        assert all(row.seconds > 0 for row in rows)
        (row,) = [row for row in measure_case("auc", Case("new", {OURS: dict}), before, 1) if row.by == NAME]
        assert row.remark == "it does not have this case"
    finally:
        before.close()


def test_the_plain_loop_trains_the_same_network(tmp_path):
    options = Options(tmp_path, fast=True)
    products = ("model=dlrm_products", "model.constant=true")
    settings = options.compose(*products, "initializer=random", "embedding.dim=4", "sampler.rate=1")
    with options.environment():
        log = options.open(settings)
        ours = make_model(settings, log, None, draw_sample(settings, log)).eval()
    assert isinstance(ours, DLRM)
    plain = plain_model(log, 4)
    tables = ours.embeddings.dense_tables(log.schema)
    of_fields = [*zip(log.schema.single, plain.tables, strict=True), *zip(log.schema.bags, plain.bags, strict=True)]
    with torch.no_grad():
        for field, table in of_fields:
            table.weight.copy_(tables[field.name])
        plain.bottom.load_state_dict(ours.bottom.state_dict())
        # Our vectors are in the order of the tables; a pair has the same product in both.
        names = [*ours.embeddings.field_names, "dense"]
        order = [*(field.name for field, _ in of_fields), "dense"]
        place = {frozenset((names[a], names[b])): n for n, (a, b) in enumerate(zip(*pairs(len(names)), strict=True))}
        columns = [place[frozenset((order[a], order[b]))] for a, b in zip(*pairs(len(order)), strict=True)]
        state = ours.top.state_dict()
        state["0.weight"] = torch.cat([state["0.weight"][:, :4], state["0.weight"][:, 4:][:, columns]], 1)
        plain.top.load_state_dict(state)
        rows = log.rows("test")
        inputs, label = PlainRows(log, rows).at(torch.arange(len(rows)))
        torch.testing.assert_close(plain(*inputs), ours(log.gather(rows)), rtol=1e-4, atol=1e-5)
    assert label.equal(log.labels(rows))


def pairs(n):
    return torch.triu_indices(n, n, 1).tolist()


def test_the_limit_of_a_step_multiplies_what_its_layers_do(tmp_path):
    class Counter(torch.utils._python_dispatch.TorchDispatchMode):
        operations = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm):
                self.operations += 2 * args[0].numel() * args[1].shape[-1]
            return function(*args, **kwargs or {})

    from benchmarks.plain_dlrm import PlainDLRM

    model = PlainDLRM([10, 20], [], 3, 4)
    work = products(model, 5, train=True, pairs=True)
    with Counter() as counter:
        work()
    bottom = 2 * 5 * (2 * 3 * 64 + 3 * 64 * 4)  # the gradient of the data is not needed
    top = 2 * 5 * 3 * (7 * 128 + 128 * 64 + 64 * 1)
    of_pairs = 2 * 5 * 2 * 3 * 3 * 4
    assert counter.operations == bottom + top + of_pairs


def test_sections_of_processes_run_on_demand_alone(capsys):
    assert {name for name in names() if section_named(name).takes_minutes} == {"end_to_end", "growth"}
    with pytest.raises(SystemExit):
        main(["setp"])
    assert "'setp' is not a section; expected one of " in capsys.readouterr().err


def run(sections, folder):
    main([*sections, "--fast", "--output", str(folder)])
    return json.loads((folder / FILE).read_text())["sections"]


def all_run(found):
    for section in found.values():
        of_cases = {}
        for row in section["rows"]:
            assert (row["seconds"] > 0) != bool(row["remark"]), row
            of_cases.setdefault(row["case"], []).append(row["by"])
        assert of_cases
        assert all(OURS in works for works in of_cases.values())


def test_quick_sections_run(tmp_path):
    found = run(QUICK, tmp_path)
    assert list(found) == QUICK
    all_run(found)
    assert "cadc_" not in (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.csv").read_text().startswith("section,case,by,seconds,")


@pytest.mark.slow
def test_all_other_sections_run(tmp_path):
    wanted = sorted(set(names()) - set(QUICK))
    found = run(wanted, tmp_path)
    assert list(found) == wanted
    all_run(found)
    assert (tmp_path / "growth.svg").exists()
