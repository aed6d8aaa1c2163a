"""The HTML of a page: data, styles and scripts in one file that asks the network for nothing."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from cadc.reporting.page.data import as_text
from cadc.reporting.page.vendored import manifest

ASSETS = files("cadc.reporting.page") / "assets"
TEMPLATE = "page.html.jinja"
STYLE = "page.css"
SCRIPTS = (
    "base.js",
    "table.js",
    "chart.js",
    "results.js",
    "quality.js",
    "front.js",
    "options.js",
    "comparisons.js",
    "segments.js",
    "strata.js",
    "calibration.js",
    "runs.js",
    "start.js",
)
"""Our scripts, in the order in which they are run."""
LIVE_SCRIPTS = ("kept.js", "live.js")
"""Those of a page that watches a sweep, after the others."""


def html(data: dict[str, Any]) -> str:
    """Return a page as a whole; a browser runs no other scripts than its own, and connects to nothing.

    Parameters
    ----------
    data : see `page_data`; with `live` of `cadc.reporting.page.live` it watches a sweep.
    """
    live: dict[str, Any] = data.get("live") or {}
    ours = (*SCRIPTS, *(LIVE_SCRIPTS if live else ()))
    scripts = [*(script.text for script in manifest()), *(asset(name) for name in ours)]
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(asset(TEMPLATE))
    return template.render(
        data={"live": None, **data},
        json=as_text(data),
        style=asset(STYLE),
        scripts=scripts,
        policy=policy(scripts, bool(live) and not live["end"]),
    )


def policy(scripts: list[str], is_live: bool = False, has_figures: bool = False) -> str:
    """Return the content security policy of a page: only these scripts are run, and nothing is fetched.

    Charts set styles of their own, which cannot fetch anything either.

    Parameters
    ----------
    scripts : texts of the page's own scripts.
    is_live : whether the page may load the scripts that lie beside it, too, as one that watches a sweep does.
    has_figures : whether it may show pictures that lie beside it, and none that a script makes.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    # What 'self' means for a file that was opened without a server, browsers do not agree about.
    beside = " 'self' file:" if is_live else ""
    images = "'self' file: data:" if has_figures else "data: blob:"
    return (
        f"default-src 'none'; script-src {hashes}{beside}; style-src 'unsafe-inline'; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )


def asset(name: str) -> str:
    """Return the text of a file of `assets/`."""
    return (ASSETS / name).read_text("utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
