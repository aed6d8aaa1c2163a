"""Names are data: one function for each language that a name is written in, used by all writers.

An arm, a title, a column or an id may hold `$`, `<script>`, `=cmd()`, line breaks or the escape character of a
terminal. In what cadc writes, it shows as it is, and means nothing.
"""

import re
from collections.abc import Iterable

FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""Beginning of a cell that a spreadsheet takes for a formula, wide letters of East Asian texts included."""

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # after the end of a row it would begin a length
    "*": "{*}",
}


SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
"""Names of parts of an address that are not shown."""
IN_ADDRESS = re.compile(r"(://[^\s:/@]*:)\S+@")
IN_QUERY = re.compile(rf"([?&][^\s=&]*(?:{SECRET.pattern})[^\s=&]*=)[^\s&]+", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Return a text in which the passwords of addresses are stars: that of the user, and those in the query.

    >>> without_passwords("postgresql://me:secret@host/db?sslmode=require&sslpassword=other")
    'postgresql://me:***@host/db?sslmode=require&sslpassword=***'
    """
    return IN_QUERY.sub(r"\1***", IN_ADDRESS.sub(r"\1***@", text)) if "://" in text else text


def terminal(text: str, length: int | None = None) -> str:
    r"""Return a text on one line without passwords, control characters or marks that turn the direction.

    Parameters
    ----------
    text : any text.
    length : longest result in characters, about; None does not shorten.

    >>> print(terminal("a\x1b[31mb\n"), terminal("a" * 30, 10))
    a\x1b[31mb\n aaaaaaaaaa… (30 characters)
    """
    text = without_passwords(text)
    rest = f"… ({len(text)} characters)" if length is not None and len(text) > length else ""
    shown = text[:length]
    if not shown.isprintable():
        shown = "".join(letter if letter.isprintable() else _written_out(letter) for letter in shown)
    return shown + rest


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def csv_cell(text: str) -> str:
    """Return a text so that a spreadsheet takes it for a text: a formula gets a leading apostrophe.

    Numbers stay as they are. `from_csv_cell` is the inverse.

    >>> csv_cell("=cmd()"), csv_cell("-0.1"), csv_cell("a=b"), csv_cell("'=x")
    ("'=cmd()", '-0.1', 'a=b', "''=x")
    """
    return f"'{text}" if FORMULA.match(text) and not _is_number(text) else text


def from_csv_cell(text: str) -> str:
    """Return the text that `csv_cell` wrote.

    >>> from_csv_cell("'=cmd()"), from_csv_cell("-0.1"), from_csv_cell("'quoted'")
    ('=cmd()', '-0.1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def markdown(text: str) -> str:
    r"""Return a text as it stands in a cell of a Markdown table, on GitHub and in MyST too.

    >>> print(markdown("a|b <script> $x$ l2_bias"))
    a\|b \<script> \$x\$ l2_bias
    """
    text = re.sub(r"\\(?=[!-/:-@\[-`{-~]|$)", r"\\\\", terminal(text))
    text = re.sub(r"([|`*$~])|(<(?=[A-Za-z/!?]))|(\](?=[(\[:]))|(&(?=#?\w+;))", r"\\\g<0>", text)
    # Within a word an underscore is one; at its ends it begins or ends an emphasis.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def latex(text: str) -> str:
    r"""Return text with the special characters of LaTeX escaped.

    >>> print(latex("50 % of l2_bias"))
    50 \% of l2\_bias
    """
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found.group()], terminal(text))


def figure(text: str, length: int = 80) -> str:
    r"""Return a text as matplotlib draws it: without formulas, on one line, shortened, and never left out.

    A label that is empty or begins with an underscore would be missing from the legend.

    >>> figure("a $x$ b"), figure("_a"), figure(" ")
    ('a \\$x\\$ b', ' _a', "' '")
    """
    shown = terminal(text, length) if text.strip() else repr(text)
    return (" " + shown if shown.startswith("_") else shown).replace("$", r"\$")


def figure_names(names: Iterable[str], length: int = 48) -> dict[str, str]:
    """Return by name what is drawn; names that are equal when they are shortened are numbered.

    >>> figure_names(["a" * 99 + "b", "a" * 99 + "c"], 10)["a" * 99 + "c"]
    'aaaaaaaaaa… (100 characters) (2)'
    """
    drawn: dict[str, str] = {}
    for name in names:
        shown = figure(name, length)
        if name in drawn:
            continue
        taken, number = set(drawn.values()), 1
        while (own := shown if number == 1 else f"{shown} ({number})") in taken:
            number += 1
        drawn[name] = own
    return drawn
