"""In a browser, the index of committed results lists, finds and shows every experiment."""

import pytest

from tests.reporting.page.test_index import COMMITTED, RESULTS
from tests.support.browser import Opened, chromium
from tests.support.commands import cadc

pytestmark = pytest.mark.browser


def test_the_index_of_committed_results_finds_an_experiment_and_shows_its_figure(tmp_path):
    output = tmp_path / "index.html"
    assert cadc("page", "--index", RESULTS, "--output", output).status == 0
    with chromium() as browser:
        window = Opened(browser, output)
        rows = window.page.locator('[data-index="table"] tbody tr')
        assert rows.count() == len(COMMITTED)
        window.page.locator('input[type="search"]').fill("byte budget")
        assert rows.count() == 1
        rows.locator("a").click()
        figure = window.page.locator("#memory_budget img")
        figure.scroll_into_view_if_needed()
        window.page.wait_for_function("document.querySelector('#memory_budget img').naturalWidth > 0")
        assert window.page.evaluate("location.hash") == "#memory_budget"
        assert window.complaints == []
        assert all(address.startswith("file:") for address in window.requests)
        window.close()
