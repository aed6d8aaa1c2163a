"""The files of the chosen options, checked, and merged by Hydra once for each choice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict

from cadc.configuration.groups import plugin_folders, plugin_paths
from cadc.configuration.interpolation import check_tree
from cadc.configuration.safe_yaml import load_yaml
from cadc.paths import conf_dir

_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class ChosenOptions:
    """The merged files of the chosen options.

    Parameters
    ----------
    config : all keys with the values of the files, interpolations unresolved.
    plain : the same as dictionaries.
    names : the option of each group.
    """

    config: DictConfig
    plain: Mapping[str, Any]
    names: Mapping[str, str]


@cache
def chosen_options(choices: tuple[str, ...], plugin_files: tuple[tuple[Path, int], ...]) -> ChosenOptions:
    """Merge the files of options; the runs of a grid share most of their choices, and Hydra takes 0.07 s for each.

    Parameters
    ----------
    choices : overrides that choose the option of a group.
    plugin_files : see `checked_plugin_files`.
    """
    with _hydra():
        config = compose("config", [*plugin_paths(), *_without_null(choices)], return_hydra_config=True)
    names = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(names, dict)
    with open_dict(config):
        del config["hydra"]
    plain = OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    check_tree(plain, "the configuration")
    own = {str(key): name for key, name in names.items() if not str(key).startswith("hydra")}
    return ChosenOptions(config, {str(key): value for key, value in plain.items()}, own)


def _without_null(choices: Sequence[str]) -> list[str]:
    """Return choices without those that `group=null` takes back: Hydra allows null in a file only.

    >>> _without_null(["policy=equal", "model=bias", "policy=null"])
    ['model=bias']
    """
    kept: list[str] = []
    for text in choices:
        group, _, option = text.partition("=")
        if option.strip().lower() == "null":
            kept = [own for own in kept if own.partition("=")[0] != group]
        else:
            kept.append(text)
    return kept


@contextmanager
def _hydra() -> Iterator[None]:
    """Set up Hydra to compose; it is global, so threads take turns, and a caller's own application gets its back."""
    with _ONE_AT_A_TIME:
        theirs = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                yield
        finally:
            GlobalHydra.instance().hydra = theirs


def checked_plugin_files() -> tuple[tuple[Path, int], ...]:
    """Check the files of plug-ins before Hydra reads them; return each with the time of its last change.

    Raises
    ------
    UsageError : for a file that is not valid YAML, or that holds what no configuration may hold.
    """
    files = [path for folder in plugin_folders() for path in sorted(folder.rglob("*.yaml"))]
    found = tuple((path, path.stat().st_mtime_ns) for path in files)
    for path, changed in found:
        _check_file(path, changed)
    return found


@cache
def _check_file(path: Path, changed: int) -> None:
    """Check the file of a plug-in before Hydra reads it; repeated only if it has changed."""
    check_tree(load_yaml(path), str(path))
