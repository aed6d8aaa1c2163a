"""What our directives share: Markdown that a function returns becomes part of the page."""

from collections.abc import Callable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def add_directive(app: Sphinx, name: str, markdown: Callable[[], str]) -> dict[str, bool]:
    """Add a directive that stands for what `markdown` returns; return what an extension's `setup` should."""

    class Generated(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            return self.parse_text_to_nodes(markdown(), allow_section_headings=True)

    app.add_directive(name, Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def first_sentence(docstring: str | None) -> str:
    """Return the first paragraph of a docstring on one line, its code marked as Markdown marks it."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())
