"""The results page: one HTML file of experiments and runs that needs no network.

`source` reads what is shown, `data` turns it into the page's JSON (docs/reference/page.md), `frame` puts it into the
template of `assets/` beside the scripts of `vendored/`.
"""
