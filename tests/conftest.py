"""Which tests are run; fixtures lie in `tests.support.fixtures`, which imports what takes seconds."""


def pytest_configure(config):
    # The process that hands tests out to others (pytest -n) runs none itself.
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("tests.support.fixtures")


ON_DEMAND = ("slow", "exhaustive")
"""Markers of tests that are run only if `-m` names them."""


def pytest_collection_modifyitems(config, items):
    """Leave out what takes minutes, unless it is asked for."""
    left_out = {marker for marker in ON_DEMAND if marker not in config.option.markexpr}
    dropped = [item for item in items if left_out.intersection(mark.name for mark in item.iter_markers())]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in set(dropped)]
