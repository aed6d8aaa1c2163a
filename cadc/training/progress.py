"""The progress bar of a fit, where there is a terminal to show it."""

import sys

from pytorch_lightning.callbacks import Callback, RichProgressBar


def progress_bar(wanted: bool) -> list[Callback]:
    """Return Lightning's bar with epoch, speed and validation metrics; nothing where no terminal is attached."""
    if not (wanted and sys.stdout.isatty()):
        return []
    return [RichProgressBar(refresh_rate=10, leave=False)]
