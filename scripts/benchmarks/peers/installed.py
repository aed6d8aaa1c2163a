"""Which other libraries are installed."""

from importlib.metadata import PackageNotFoundError, version


def missing(package: str) -> str | None:
    """Return what to do if a package is not installed, else None."""
    try:
        version(package)
    except PackageNotFoundError:
        return f"{package} is not installed: pip install .[bench]"
    return None
