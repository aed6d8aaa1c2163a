"""A page in a browser: tables, charts, themes and runs work, nothing is asked of a network, nothing complains."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from cadc import escape
from cadc.cli import main
from cadc.reporting.page.data import page_data
from cadc.reporting.page.frame import html
from cadc.reporting.page.source import Source, from_results
from cadc.reporting.points import points
from cadc.reporting.table import build_table
from tests.docs.documents import ROOT
from tests.reporting.made_up import record
from tests.support.browser import Opened, chromium
from tests.support.commands import TINY

pytestmark = pytest.mark.browser

SAMPLERS = ROOT / "results" / "samplers"
NARROW = {"viewport": {"width": 400, "height": 800}}


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A page of committed results, and of four new runs with curves and scores."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_RUNS", str(folder / "runs"))
        assert main(["train", "-m", *TINY, "sampler.rate=0.3,1", "seed=0,1"]) == 0
        assert main(["page", str(SAMPLERS), "finished", "--output", str(folder / "page.html")]) == 0
    return folder / "page.html"


@pytest.fixture
def opened(browser, path):
    window = Opened(browser, path)
    yield window
    assert window.complaints == []
    assert window.requests == [path.as_uri()]
    window.close()


def test_nothing_complains_and_only_the_file_itself_is_read(browser, path):
    for options in ({"color_scheme": "dark"}, NARROW, {"reduced_motion": "reduce"}):
        window = Opened(browser, path, **options)
        assert window.page.locator("svg.marks").count() > 5
        assert window.complaints == []
        assert window.requests == [path.as_uri()]
        width = window.page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= window.page.viewport_size["width"]
        window.close()


def test_a_click_on_a_head_sorts_and_a_third_one_restores(opened):
    first = opened.column("auc_mean")
    head = opened.page.locator('[data-part="0"] [data-view="table"] th[data-column="auc_mean"]')
    orders = []
    for expected in ("ascending", "descending", "none"):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == expected
        orders.append(opened.column("auc_mean"))
    values = [float(cell.split(" ± ")[0]) for cell in orders[0]]
    assert values == sorted(values)
    assert [cell.split(" ± ")[0] for cell in orders[1]] == [cell.split(" ± ")[0] for cell in reversed(orders[0])]
    assert orders[2] == first


def test_a_head_is_sorted_from_the_keyboard(opened):
    button = opened.page.locator('[data-part="0"] [data-view="table"] th[data-column="arm"] button')
    button.focus()
    opened.page.keyboard.press("Enter")
    assert opened.column("arm") == sorted(opened.column("arm"), key=str.lower)
    assert opened.page.evaluate("document.activeElement.closest('th').dataset.column") == "arm"


def test_words_filter_rows_and_a_word_after_a_dash_leaves_rows_out(opened):
    arms = opened.column("arm")
    filter_rows = opened.page.locator('[data-part="0"] [data-view="table"] input[type=search]')
    filter_rows.fill("leverage mf_bias")
    assert opened.column("arm") == [arm for arm in arms if "leverage" in arm and "mf_bias" in arm]
    filter_rows.fill("LEVERAGE -weighted")
    assert opened.column("arm") == [arm for arm in arms if "leverage" in arm and "weighted" not in arm]
    filter_rows.fill("")
    assert opened.column("arm") == arms


def copied(opened, name):
    opened.page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    opened.page.locator('[data-part="0"] [data-view="table"]').get_by_role("button", name=name).click()
    return opened.page.evaluate("window.copied")


def test_hidden_columns_go_and_the_rest_is_copied_as_csv(opened, tmp_path):
    tools = opened.page.locator('[data-part="0"] [data-view="table"]')
    tools.get_by_text("Columns").click()
    tools.get_by_label("logloss", exact=True).uncheck()
    (tmp_path / "copy.csv").write_text(copied(opened, "Copy CSV"))
    copy, table = pd.read_csv(tmp_path / "copy.csv"), pd.read_csv(SAMPLERS / "table.csv")
    assert "logloss_mean" not in copy and {"auc_mean", "auc_ci", "arm"} <= set(copy)
    pd.testing.assert_frame_equal(copy, table[list(copy)], check_dtype=False)


def test_latex_that_is_copied_has_the_texts_of_the_table(opened):
    lines = copied(opened, "Copy LaTeX").splitlines()
    assert [line.split(" & ")[0] for line in lines if line.endswith("\\\\")][1:] == [
        escape.latex(arm) for arm in opened.column("arm")
    ]


def tooltips(opened, n_most=60):
    """Yield what is said of marks, one after the other."""
    marks = opened.page.locator('[data-part="0"] [data-view="quality"] .mark-symbol path')
    for at in range(min(marks.count(), n_most)):
        box = marks.nth(at).bounding_box()
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        yield opened.page.locator("#vg-tooltip-element").inner_text()


def test_a_mark_tells_arm_seed_value_and_run(opened):
    opened.page.locator('[data-part="0"] [data-view="quality"] .panels').scroll_into_view_if_needed()
    data = json.loads(opened.page.locator("#data").text_content())
    of_mean = of_run = None
    for text in tooltips(opened):
        of_run = text if "Run" in text else of_run
        of_mean = text if "Mean" in text else of_mean
        if of_mean and of_run:
            break
    run = next(run for run in data["runs"] if run in of_run)
    known = data["runs"][run]
    assert known["arm"] in of_run and str(known["seed"]) in of_run and f"{known['metrics']['test/auc']:.6f}" in of_run
    assert "±" in of_mean and "Seeds" in of_mean


def test_an_arm_is_switched_off_and_on_in_all_charts_from_the_keyboard_too(opened):
    arm = opened.page.locator('[data-part="0"] [data-view="quality"] [data-arm="full data"]')
    marks = opened.page.locator('[data-part="0"] [data-view="quality"] .mark-symbol path')
    before = marks.count()
    arm.click()
    opened.settle()
    assert arm.get_attribute("aria-pressed") == "false" and marks.count() < before
    in_front = opened.page.locator('[data-part="0"] [data-view="front"] [data-arm="full data"]')
    assert in_front.get_attribute("aria-pressed") == "false"
    opened.page.keyboard.press("Space")  # it has kept the focus
    opened.settle()
    assert arm.get_attribute("aria-pressed") == "true" and marks.count() == before


def test_the_metric_and_the_axis_are_chosen(opened):
    quality = opened.page.locator('[data-part="0"] [data-view="quality"]')
    for choice, title in (("logloss", "logloss"), ("Bytes", "bytes of the tables"), ("Rate", "sampling rate")):
        quality.get_by_label(choice, exact=True).check()
        opened.settle()
        assert title in quality.locator("svg.marks").first.text_content()


def test_the_theme_is_switched_and_kept(opened, path):
    def colours():
        paper = opened.page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
        return paper, opened.page.locator("svg.marks text").first.get_attribute("fill")

    light = colours()
    opened.page.get_by_role("button", name="Switch to the dark theme").click()
    opened.settle()
    dark = colours()
    assert dark[0] != light[0] and dark[1] != light[1]
    opened.page.reload()
    opened.settle()
    opened.requests.pop()
    assert colours() == dark


def test_print_is_light_and_shows_whole_tables(browser, path, tmp_path):
    window = Opened(browser, path, color_scheme="dark")
    window.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert window.page.evaluate("document.documentElement.dataset.theme") == "light"
    window.page.emulate_media(media="print")
    assert window.page.locator('[data-part="0"] [data-view="table"] .scroll').evaluate(
        "one => one.scrollHeight <= one.clientHeight + 1"
    )
    assert not window.page.get_by_role("button", name="Copy CSV").first.is_visible()
    window.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert window.page.evaluate("document.documentElement.dataset.theme") == "dark"
    window.close()


def test_the_front_is_that_of_python_and_dragging_chooses_points(opened):
    part = opened.page.locator('[data-part="0"]')
    charts = part.locator('[data-view="front"] svg.marks')
    charts.scroll_into_view_if_needed()
    data = json.loads(opened.page.locator("#data").text_content())["experiments"][0]
    named = {data["points"][at]["name"] for at in data["front"]}
    on_front = dict(zip(opened.column("arm", "front"), opened.column("front", "front"), strict=True))
    assert {arm for arm, answer in on_front.items() if answer == "yes"} == named
    box = charts.bounding_box()
    opened.page.mouse.move(box["x"] + 300, box["y"] + 120)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 60, box["y"] + 8, steps=5)
    opened.page.mouse.up()
    opened.page.wait_for_timeout(200)
    chosen = opened.column("arm", "front")
    assert 0 < len(chosen) < len(on_front)


def test_runs_of_a_search_are_drawn_over_their_options(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    space = ["trainer.learning_rate=tag(log,interval(1e-4,1e-2))", "model=choice(dlrm,deepfm)"]
    assert main(["tune", *TINY, *space, "tune.trials=6", "--output", "study"]) == 0
    window = Opened(browser, tmp_path / "study" / "page.html")
    part = window.page.locator('[data-view="searched"]')
    part.scroll_into_view_if_needed()
    window.settle()
    runs = json.loads(window.page.locator("#data").text_content())["runs"]
    titles = part.locator(".role-axis-title text").all_text_contents()
    assert {"trainer.learning_rate", "model", "validation AUC"} <= set(titles)
    n_runs = [chart.locator("g.mark-symbol.role-mark path").count() for chart in part.locator(".chart").all()]
    assert n_runs == [len(runs)] * 2 + [0, len(runs)]
    assert part.locator(".chart").nth(2).locator("g.mark-line path").count() == len(runs)
    part.get_by_label("Across").select_option("model")
    window.settle()
    assert part.locator(".chart").nth(3).locator(".role-axis-title text").all_text_contents()[0] == "model"
    part.locator(".chart").nth(0).locator("g.mark-symbol.role-mark path").first.click()
    assert window.page.evaluate("location.hash").removeprefix("#run=") in runs
    assert window.complaints == []
    window.close()


def test_a_run_shows_its_configuration_curves_and_what_differs_from_another(opened):
    data = json.loads(opened.page.locator("#data").text_content())
    with_curves = {known["rate"]: run for run, known in data["runs"].items() if "curves" in known}
    first, second = with_curves[0.3], with_curves[1]
    opened.page.locator(f'[data-view="runs"] a[href="#run={first}"]').click()
    opened.settle()
    part = opened.page.locator('[data-view="run"]')
    assert part.locator("h2").inner_text() == f"Run {first}"
    assert opened.page.evaluate("document.activeElement.id") == "run-title"
    assert part.locator("svg.marks").count() == len(data["runs"][first]["curves"]) - 1
    part.get_by_label("Compare with").select_option(second)
    opened.settle()
    rows = part.get_by_role("region", name="configuration").locator("tbody tr").all_inner_texts()
    assert {row.split("\t")[0] for row in rows} <= {"sampler.rate", "seed", "data.split_seed"}
    assert any(row.split("\t") == ["sampler.rate", "0.3", "1"] for row in rows)


def test_the_address_of_a_run_opens_its_part(browser, path):
    data = json.loads(path.read_text().split('id="data">')[1].split("</script>")[0])
    window = Opened(browser, path)
    run = next(iter(data["runs"]))
    window.page.evaluate("run => { location.hash = 'run=' + run; }", run)
    assert window.page.locator('[data-view="run"] h2').inner_text() == f"Run {run}"
    window.close()


def test_the_page_of_a_single_run_shows_its_part_and_a_scale_to_read(browser, path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(path.parent / "runs"))
    run, single = next((path.parent / "runs").glob("*/record.json")).parent.name, path.with_name("single.html")
    assert main(["page", run, "--output", str(single)]) == 0
    window = Opened(browser, single)
    assert window.page.locator('[data-view="run"] h2').inner_text() == f"Run {run}"
    labels = window.page.locator('[data-view="quality"] svg.marks .role-axis-label').first.locator("text")
    ticks = labels.all_text_contents()
    assert ticks and all("m" not in tick for tick in ticks)  # milliseconds read as minutes
    values = window.page.evaluate("cadc.domain([0.590512, 0.5905124], true, false)")
    assert values[1] - values[0] > 0.01
    assert window.page.locator('[data-view="table"] .n-rows').inner_text() == "1 row"
    assert window.complaints == []
    window.close()


def test_a_choice_shared_by_charts_is_shown_beside_each(opened):
    first, second = (opened.page.locator(f'[data-part="0"] [data-view="{view}"]') for view in ("quality", "front"))
    first.locator('input[value="logloss"]').check()
    assert second.locator('input[value="logloss"]').is_checked()
    second.get_by_label("Colours").select_option("sampler")
    assert first.get_by_label("Colours").input_value() == "sampler"


def test_strata_and_calibration_of_kept_scores_are_drawn(opened):
    for part, view in ((0, "strata"), (1, "calibration")):
        assert opened.page.locator(f'[data-part="{part}"] [data-view="{view}"] svg.marks').count() == 1


def test_the_policy_stops_scripts_and_connections(browser, path):
    window = Opened(browser, path)
    answer = window.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
    assert answer == "TypeError"
    window.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert window.page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in text for text in window.complaints) >= 2
    assert window.requests == [path.as_uri()]
    window.close()


NAMES = (
    "<script>alert(1)</script>",
    r"$\bad{x}$",
    "<img src=x onerror=alert(1)>",
    "</script><!-- \u2028",
    "a, [b].c 'd\" \\",
)


def test_names_are_texts_everywhere(browser, tmp_path):
    runs = [
        (name, record(f"sampler.rate={rate}", f"seed={seed}", f"model.bottom_mlp=[{at + 8}]"))
        for at, name in enumerate(NAMES)
        for rate in (0.1, 1)
        for seed in (0, 1)
    ]
    table = build_table(runs)
    source = Source(NAMES[0], NAMES[0], table, claim=NAMES[1], source=NAMES[2], verdicts=NAMES, points=points(runs))
    kept = from_results(SAMPLERS).comparison
    renamed = kept.assign(arm=NAMES[0], dataset=NAMES[1], reference=NAMES[2])
    path = tmp_path / "page.html"
    path.write_text(html(page_data([replace(source, comparison=renamed)], None)))
    window = Opened(browser, path)
    dialogs = []
    window.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert window.column("arm") == [name for name in NAMES for _ in range(2)]
    for arm in window.page.locator('[data-view="quality"] .arm').all():
        arm.click()
        arm.click()
    window.settle()
    assert NAMES[1] in window.page.locator('[data-view="comparisons"] svg.marks').first.text_content()
    window.page.locator('[data-view="runs"] tbody a').first.click()
    window.settle()
    assert NAMES[0] in window.page.locator('[data-view="run"]').inner_text()
    assert (dialogs, window.complaints, window.requests) == ([], [], [path.as_uri()])
    assert window.page.locator("img, script[src]").count() == 0
    window.close()
