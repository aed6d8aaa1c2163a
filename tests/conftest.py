"""Which tests are run; fixtures lie in `tests.support.fixtures`, which imports what takes seconds."""


def pytest_configure(config):
    # The process that hands tests out to others (pytest -n) runs none itself.
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("tests.support.fixtures")


def pytest_collection_modifyitems(config, items):
    """Leave out what is slow, unless it is asked for."""
    if "slow" not in config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
