"""Which loggers have failed, so that each failure is said once, and nobody waits for the same server again."""

from typing import Any

from cadc.configuration.components import Component
from cadc.loggers.logger import RunLogger


class Failures:
    """The last failure of each logger of this process, as its configuration names it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def note(self, logger: Component[Any], error: Exception) -> str | None:
        """Keep a failure and return it as a text, without its full stop; None if it was noted before."""
        text = str(error).splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        if self._texts.get(_key(logger)) == text:
            return None
        self._texts[_key(logger)] = text
        return text

    def __contains__(self, logger: Component[RunLogger]) -> bool:
        return _key(logger) in self._texts

    def clear(self) -> None:
        """Forget all failures, as at the beginning of a sweep."""
        self._texts.clear()


def _key(logger: Component[Any]) -> str:
    return f"{logger.cls.__qualname__} {sorted(logger.options.items())}"


failures = Failures()
