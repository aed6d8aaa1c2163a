"""Reading `experiment.yaml`: every value of its type, and a message for unknown keys and invalid values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cadc.configuration.casting import cast
from cadc.configuration.from_files import require_overrides_for_files
from cadc.configuration.safe_yaml import load_yaml
from cadc.errors import UsageError, shown
from cadc.experiment.analysis import KEY, read_analysis
from cadc.experiment.checks import nearest
from cadc.experiment.claims import read_claims
from cadc.experiment.grid import Experiment, FigureKind
from cadc.experiment.published import read_published
from cadc.experiment.references import read_choosing, read_references
from cadc.experiment.tune import Tune
from cadc.experiment.tuned import FILE, borrow, read_tuned
from cadc.paths import experiments_dir, user_path

TEXTS: TypeAlias = tuple[str, ...]
PLAIN: dict[str, Any] = {
    "title": str,
    "claim": str,
    "source": str,
    "common": TEXTS,
    "seeds": tuple[int, ...],
    "fast": TEXTS,
    "metrics": TEXTS,
    "columns": TEXTS,
    "figure": FigureKind,
    "figure_against": TEXTS,
}
"""Keys that hold a value or a list, and the type of each."""

KEYS = (
    *PLAIN,
    "arms",
    "reference",
    "metric",
    "margin",
    "references",
    "choose",
    "published",
    "claims",
    "tune",
    "settings_of",
    KEY,
)
"""Keys of an experiment.

`reference`, `metric` and `margin` name one reference, `references` several; `choose` is the reference for choosing the
smallest pair of rows and bytes; `published` lists figures of others, `claims` what is claimed and what tests it. An
experiment that is not tuned itself may take the settings of another one's arms:
`settings_of: {experiment: NAME, arms: {own: their}}`. An experiment without a grid of runs has an `analysis`, see
`cadc.experiment.analysis`.
"""

OLDER_KEYS = {"study": KEY}
"""Keys under which older files hold the same."""


def names() -> list[str]:
    """Return the names of all experiments."""
    return sorted(path.parent.name for path in experiments_dir().glob("*/experiment.yaml"))


def load_experiment(name: str) -> Experiment:
    """Read `experiments/NAME/experiment.yaml`, or that of another folder, and the settings that tuning chose.

    Parameters
    ----------
    name : of an experiment, or path of a folder with an `experiment.yaml`.

    Raises
    ------
    UsageError : if there is no such experiment, or its file has an unknown key or an invalid value.
    """
    path = folder_of(name) / "experiment.yaml"
    if not path.exists():
        raise UsageError(f"there is no experiment {shown(name)}; {nearest(name, names())}")
    content = _content(path)
    lender = content.pop("settings_of", None)
    if lender is None:
        tuned = read_tuned(path.with_name(FILE), content["arms"])
    else:
        tuned = borrow(folder_of(lender[0]) / FILE, lender[1])
    return Experiment(name=path.parent.resolve().name, **content, tuned=tuned)


def folder_of(name: str) -> Path:
    """Return the folder of an experiment, which may not exist."""
    own = user_path(name)
    return own if (own / "experiment.yaml").exists() else experiments_dir() / name


def _content(path: Path) -> dict[str, Any]:
    """Return the content of a file, by key, each value of its type."""
    found = load_yaml(path)
    if not isinstance(found, dict):
        raise UsageError(f"{path} does not hold keys and values; expected at least title, seeds and arms.")
    found = {OLDER_KEYS.get(key, key): value for key, value in found.items()}
    unknown = [shown(key) for key in found if key not in KEYS]
    if unknown:
        raise UsageError(f"{path} has the unknown keys {', '.join(unknown)}; choose among {', '.join(KEYS)}.")
    if KEY in found:
        return read_analysis(found, str(path))
    missing = [key for key in ("title", "seeds", "arms") if found.get(key) in (None, [], {})]
    if missing:
        raise UsageError(f"{path} lacks {' and '.join(missing)}; add them, with at least one arm and one seed.")
    content: dict[str, Any] = {"claim": "", "source": "", "common": (), "fast": ()}
    content |= {key: cast(found[key], kind, f"{path}: {key}") for key, kind in PLAIN.items() if key in found}
    content["arms"] = arms = _arms(found["arms"], path)
    for name, overrides in (("common", content["common"]), ("fast", content["fast"]), *arms.items()):
        require_overrides_for_files(overrides, f"{path}: {name}")
    content["references"] = references = read_references(found, arms, path)
    for name in content.get("figure_against", ()):
        if name not in (known := [reference.arm for reference in references]):
            raise UsageError(
                f"{path}: figure_against has {shown(name)}, which is not the arm of a reference; choose among "
                f"{', '.join(dict.fromkeys(known)) or 'none: the file has no references'}."
            )
    if found.get("choose") is not None:
        content["choose"] = read_choosing(found["choose"], arms, path)
    if found.get("published") is not None:
        content["published"] = read_published(found["published"], arms, f"{path}: published")
    if found.get("claims") is not None:
        content["claims"] = read_claims(found["claims"], arms, references, content.get("choose"), f"{path}: claims")
    if found.get("tune") is not None:
        content["tune"] = Tune.read(found["tune"], arms, f"{path}: tune")
    if found.get("settings_of") is not None:
        content["settings_of"] = _lender(found, arms, path)
    _check_names(content, path)
    return content


def _lender(found: Mapping[str, Any], arms: Mapping[str, TEXTS], path: Path) -> tuple[str, dict[str, str]]:
    """Return the experiment that settings are taken from, and its arm for each of our arms."""
    node, where = found["settings_of"], f"{path}: settings_of"
    if found.get("tune") is not None:
        raise UsageError(f"{where} and tune are both set; remove one of the two.")
    if not isinstance(node, Mapping) or set(node) != {"experiment", "arms"} or not isinstance(node["arms"], Mapping):
        raise UsageError(f"{where} is {shown(node)}; expected {{experiment: NAME, arms: {{own: their}}}}.")
    if unknown := [shown(arm) for arm in node["arms"] if arm not in arms]:
        raise UsageError(f"{where} names {', '.join(unknown)}, which is not an arm; correct the name.")
    theirs = {str(own): cast(arm, str, f"{where}.arms.{own}") for own, arm in node["arms"].items()}
    return cast(node["experiment"], str, f"{where}.experiment"), theirs


def _arms(value: Any, path: Path) -> dict[str, TEXTS]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: arms is {shown(value)}; expected names, each with a list of overrides.")
    arms = {}
    for name, overrides in value.items():
        if not (isinstance(name, str) and name.strip() and name.isprintable()):
            raise UsageError(
                f"{path}: an arm is named {shown(name)}; expected a text on one line, "
                "in quotes if it looks like a number."
            )
        arms[name] = cast(overrides or (), TEXTS, f"{path}: arm {name}")
    return arms


def _check_names(content: Mapping[str, Any], path: Path) -> None:
    """Raise a UsageError for a metric or column that no run can have."""
    from cadc.experiment.columns import check_column, check_metric

    try:
        for name in content.get("metrics", ()):
            check_metric(name)
        for name in content.get("columns", ()):
            check_column(name)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
