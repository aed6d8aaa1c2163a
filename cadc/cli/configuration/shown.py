"""`cadc train --cfg` and `--info`: what a run is composed of, without its data and without PyTorch."""

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from cadc import __version__
from cadc.configuration.compose import composed_config
from cadc.configuration.groups import files_of, plugin_folders
from cadc.configuration.plain_keys import node_at
from cadc.configuration.safe_yaml import dump_yaml
from cadc.configuration.suggestions import nearest_keys
from cadc.errors import UsageError, shown
from cadc.launchers.launch import installed_launchers
from cadc.paths import cache_dir, conf_dir, runs_dir


def configuration_lines(combinations: Sequence[Sequence[str]], package: str | None = None) -> Iterator[str]:
    """Yield the configuration of each run as YAML, one document for each run of a sweep.

    Parameters
    ----------
    combinations : the overrides of each run.
    package : key of the part to print, such as `trainer`; None prints all.

    Raises
    ------
    UsageError : if there is no such key.
    """
    for overrides in combinations:
        if len(combinations) > 1:
            yield "---"
            yield f"# {' '.join(overrides)}"
        config = composed_config(overrides)
        if package is None or package in ("_global_", ""):
            found = config
        else:
            *path, last = package.replace("/", ".").split(".")
            node = node_at(config, path) or {}
            if last not in node:
                near = nearest_keys(package, [*config]) or [key for key in config if key != "choices"]
                raise UsageError(f"--package {shown(package)} is no key; did you mean {' or '.join(near)}?")
            found = node[last] if isinstance(node[last], dict) else {last: node[last]}
        yield from dump_yaml(found, width=1000).rstrip().splitlines()


def information(overrides: Sequence[str]) -> Iterator[str]:
    """Yield versions, folders, plug-ins, launchers, and the chosen option of each group with its file."""
    versions = [f"{name} {version(name)}" for name in ("hydra-core", "omegaconf")]
    launchers = [f"hydra/launcher={name}" for name in installed_launchers()]
    plugins = [str(folder) for folder in plugin_folders()]
    for name, values in {
        "versions": [f"cadc {__version__}", *versions, f"Python {platform.python_version()}"],
        "configuration": [str(conf_dir())],
        "plug-ins": plugins or ["none that adds options"],
        "launchers": launchers or ["none; pip install 'cadc[ray]', 'cadc[slurm]' or 'cadc[joblib]' adds some"],
        "ledger": [f"{runs_dir()} (CADC_RUNS)"],
        "cache": [f"{cache_dir()} (CADC_CACHE)"],
        "raw data": [f"{os.environ.get('CADC_DATA_DIR') or 'downloaded when needed'} (CADC_DATA_DIR)"],
    }.items():
        yield f"{name:15}{', '.join(values)}"
    config = composed_config(overrides)
    chosen = config["choices"] | {f"views/{name}": name for name in config["views"]}
    for group, option in reversed(chosen.items()):
        if option is None:
            continue  # nothing is chosen
        own = group.removesuffix(f"/{option}") if group.startswith("views/") else group
        yield f"{own}={option}".ljust(29) + f" {files_of(own).get(option, '')}"
