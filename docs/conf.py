"""Sphinx configuration; `scripts/docs` builds the pages with warnings as errors."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

import cadc  # noqa: E402

project = "cadc"
author = "the authors of cadc"
copyright = "the authors of cadc, Apache 2.0"
version = release = cadc.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # Our own, in _extensions:
    "mathml",
    "docstrings",
    "command_reference",
    "configuration_reference",
    "experiment_times",
    "package_pages",
]
exclude_patterns = ["_build", "_extensions"]
suppress_warnings = ["ref.python"]  # several modules may have a name such as Side
nitpicky = False  # types of other packages have no inventory without a network

html_theme = "furo"
html_title = f"cadc {release}"
html_static_path = ["_static"]
html_css_files = ["cadc.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"  # formulas need no script and no network

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

nb_execution_mode = "force"  # a notebook that no longer runs fails the build
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_ipywidgets_js = {}  # the default loads scripts from elsewhere
nb_merge_streams = True

toc_object_entries = False  # thousands of them would slow every page down
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "set"}
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
