"""Pages of the API reference, one for each package, written from the tree before the pages are read.

They lie in `reference/api`, which git ignores: a module that moves, or a new one, needs no edit here.
"""

import importlib
import pkgutil
from pathlib import Path

from generated import first_sentence, table
from sphinx.application import Sphinx
from sphinx.config import Config

import cadc

AUTOMODULE = """```{{eval-rst}}
.. automodule:: {module}{options}
```
"""


def packages() -> list[str]:
    """Return the packages of cadc and, at its root, the modules; by name."""
    return sorted(found.name for found in pkgutil.iter_modules(cadc.__path__) if found.name != "__main__")


def modules_of(package: str) -> list[str]:
    """Return a package and all that lies in it, by dotted name."""
    root = importlib.import_module(f"cadc.{package}")
    inner = pkgutil.walk_packages(getattr(root, "__path__", []), f"cadc.{package}.")
    return [root.__name__, *sorted(found.name for found in inner)]


def page(package: str) -> str:
    """Return the Markdown of a package's page."""
    parts = [f"# `cadc.{package}`\n"]
    for module in modules_of(package):
        is_package = hasattr(importlib.import_module(module), "__path__")
        title = "" if module == f"cadc.{package}" else f"## `{module}`\n"
        # What a package takes from its modules is described there.
        options = "\n   :no-members:" if is_package else ""
        parts += [title, AUTOMODULE.format(module=module, options=options)]
    return "\n".join(part for part in parts if part)


def index() -> str:
    """Return the page that lists the packages."""
    said = {name: first_sentence(importlib.import_module(f"cadc.{name}").__doc__) for name in packages()}
    rows = [(f"[`cadc.{name}`]({name}.md)", sentence) for name, sentence in said.items()]
    names = "\n".join(said)
    return (
        "# Packages\n\nEverything public, from the docstrings. What a notebook needs is on "
        "[its own page](../face.md).\n\n"
        f"{table(('package', 'what it knows'), rows)}\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{names}\n```\n"
    )


def write(app: Sphinx, config: Config) -> None:
    """Write the pages that changed, and remove those of packages that are gone."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"index": index()} | {name: page(name) for name in packages()}
    for path in folder.glob("*.md"):
        if path.stem not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages once the configuration is known."""
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
