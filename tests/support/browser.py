"""Chromium as tests of pages use it: without a network, with everything noted that a page asks for or complains of."""

import importlib.util
import shutil
from contextlib import contextmanager

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing_browser():
    """Say what is not installed; empty where all is there."""
    if CHROMIUM is None:
        return "Chromium"
    return "" if importlib.util.find_spec("playwright") else "the extra [browser]"


@contextmanager
def chromium():
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Opened:
    """A page in a window of its own, and what was noted while it was open.

    Parameters
    ----------
    browser : from `chromium`.
    path : file of the page.
    options : of the window, such as `color_scheme` and `viewport`.
    """

    def __init__(self, browser, path, **options):
        self.complaints, self.requests = [], []
        self.window = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        self.page = self.window.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.resolve().as_uri())
        self.settle()

    def settle(self):
        """Wait until every chart that is begun is drawn."""
        self.page.wait_for_function("cadc.waiting === 0")

    def column(self, name, view="table"):
        """Return the cells of a column of a table of the first part."""
        table = self.page.locator(f'[data-part="0"] [data-view="{view}"] table').last
        heads = table.locator("thead th").evaluate_all("all => all.map(one => one.dataset.column)")
        return table.locator("tbody tr").evaluate_all(
            "(all, at) => all.map(one => one.children[at].textContent)", heads.index(name)
        )

    def close(self):
        self.window.close()
