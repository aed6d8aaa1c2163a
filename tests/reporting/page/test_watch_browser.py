"""In a browser, a page that watches a sweep shows what is new and leaves alone what its reader has set."""

import pytest

from cadc.ledger import Ledger
from cadc.ledger.progress import ProgressNotes
from cadc.ledger.sweeps import SweepNotes, SweepRun
from cadc.reporting.page.watch import Watch, sweep_to_watch
from tests.support.browser import Opened, chromium
from tests.support.commands import train

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser):
    """Open a page; it must not complain, nor ask for anything but itself and the scripts beside it."""
    windows = []

    def open_page(path):
        windows.append((path, Opened(browser, path)))
        return windows[-1][1].page

    yield open_page
    for path, window in windows:
        assert window.complaints == []
        asked = {address.partition("?")[0] for address in window.requests}
        assert asked <= {path.with_name(name).as_uri() for name in ("page.html", "page.live.js", "page.data.js")}
        window.close()


def expect(place):
    """Wait for what a place comes to hold."""
    from playwright.sync_api import expect

    return expect(place)


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A ledger with three finished runs of a sweep of six, one that failed and one that runs; and its watch."""
    # On a busy machine results are otherwise put together again only after a while.
    monkeypatch.setattr("cadc.reporting.page.watch.IDLE", 0)
    ids = [train(f"sampler.rate={1 - seed / 10:.1f}").name for seed in range(4)]
    ledger = Ledger()
    held_back = ledger.path(ids[3])
    held_back.rename(tmp_path / "later")
    runs = [SweepRun(run_id, "dlrm", f"sampler.rate={1 - at / 10:.1f}") for at, run_id in enumerate(ids)]
    notes = SweepNotes(ledger, "my sweep", [*runs, SweepRun("works", "mf"), SweepRun("broken", "<b>mf</b>")])
    notes.work()
    with ledger.claim("broken") as lease:
        ledger.begin(lease, {"id": "broken", "reason": "no <i>room</i> on the disk"})
    with ledger.claim("works") as lease:
        ledger.begin(lease, {"id": "works"})
        progress = ProgressNotes(lease, 9)
        progress.enter("training")
        watch = Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", lambda line: None)
        watch.look()

        def goes_on():
            """Let a run finish, and two epochs end in another."""
            (tmp_path / "later").rename(held_back)
            rows = [{"epoch": n, "val/auc": 0.5 + n / 10, "train/loss": 1 / n} for n in (1, 2)]
            progress.tell(rows[:1])
            progress.tell(rows)
            watch.look()

        yield watch, goes_on
    notes.end(is_over=True)


def test_what_is_new_appears_and_what_the_reader_set_stays(sweep, opened):
    watch, goes_on = sweep
    page = opened(watch.output)
    expect(page.locator("#live .state")).to_contain_text("3 done, 1 running, 0 failed, 2 left")
    expect(page.locator("#live")).to_contain_text("no <i>room</i> on the disk")
    table = page.locator('[data-part] [data-view="table"]').first
    rate = table.locator('th[data-column="rate"] button')
    rate.click()
    rate.click()
    words = table.locator('input[type="search"]')
    words.fill("dlrm")
    assert table.locator("tbody tr").count() == 3
    page.evaluate("scrollTo(0, 300); window.untouched = true")
    seen_at = words.bounding_box()["y"]
    goes_on()
    expect(page.locator("#live .state")).to_contain_text("4 done, 1 running", timeout=15_000)
    expect(table.locator("tbody tr")).to_have_count(4, timeout=15_000)
    assert page.evaluate("window.untouched"), "the page was loaded anew"
    assert table.locator('th[data-column="rate"]').get_attribute("aria-sort") == "descending"
    cells = table.locator("tbody td.rate").all_inner_texts()
    assert cells == sorted(cells, key=lambda text: -float(text.split()[0]))
    assert words.input_value() == "dlrm"
    assert page.evaluate("document.activeElement.type") == "search"
    page.wait_for_timeout(500)
    # Curves have come above it, but what the reader looks at stays where it is.
    assert words.bounding_box()["y"] == pytest.approx(seen_at, abs=2)
    running = page.locator("#live tbody tr").first
    expect(running).to_contain_text("2 of 9")
    expect(running).to_contain_text("0.7000")
    expect(page.locator('#live svg[role="img"]')).to_have_count(2)


def test_the_end_is_shown_and_nothing_is_asked_for_any_more(sweep, opened):
    watch, goes_on = sweep
    page = opened(watch.output)
    goes_on()
    watch.write("failed")
    expect(page.locator("#live .state")).to_contain_text("some runs failed", timeout=15_000)
    expect(page.locator('[data-part] [data-view="table"]').first.locator("tbody tr")).to_have_count(4, timeout=15_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    # Opened later, the page is whole without the scripts beside it.
    for name in ("page.live.js", "page.data.js"):
        watch.output.with_name(name).unlink()
    page = opened(watch.output)
    expect(page.locator("#live .state")).to_contain_text("some runs failed")


def test_the_first_result_brings_its_table(tmp_path, opened):
    ledger = Ledger()
    notes = SweepNotes(ledger, "", [SweepRun("a"), SweepRun("b")])
    notes.work()
    watch = Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", lambda line: None)
    watch.look()
    page = opened(watch.output)
    expect(page.locator("#live .state")).to_contain_text("2 left")
    assert page.locator("[data-part]").count() == 0
    watch.sweep = None
    notes.end(is_over=True)
    run_id = train().name
    notes = SweepNotes(ledger, "", [SweepRun(run_id), SweepRun("b")])
    notes.work()
    watch.sweep = sweep_to_watch(ledger)
    watch.look()
    expect(page.locator('[data-part] [data-view="table"] tbody tr')).to_have_count(1, timeout=15_000)
    notes.end(is_over=True)


def test_choices_that_come_with_new_results_start_as_their_own(tmp_path, monkeypatch, opened):
    monkeypatch.setattr("cadc.reporting.page.watch.IDLE", 0)
    ledger = Ledger()
    ids = [train("sampler.rate=0.5", f"initializer={name}").name for name in ("random", "mf")]
    held_back = ledger.path(ids[1])
    held_back.rename(tmp_path / "later")
    notes = SweepNotes(ledger, "", [*map(SweepRun, ids), SweepRun("b")])
    notes.work()
    watch = Watch(ledger, sweep_to_watch(ledger), tmp_path / "page.html", "", lambda line: None)
    watch.look()
    page = opened(watch.output)
    # Of one arm there is nothing to choose colours by, so that the first list is another one.
    strata = page.get_by_label("Strata by")
    strata.select_option(index=1)
    chosen = strata.input_value()
    (tmp_path / "later").rename(held_back)
    watch.look()
    expect(page.locator('[data-part] [data-view="table"] tbody tr')).to_have_count(2, timeout=15_000)
    quality = page.locator('[data-view="quality"]')
    assert quality.get_by_label("Colours").input_value() == "arm"
    assert quality.locator("[data-arm]").all_inner_texts() == ["initializer=random", "initializer=mf"]
    assert strata.input_value() == chosen
    notes.end(is_over=True)
