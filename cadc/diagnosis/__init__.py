"""What `cadc doctor` examines before a run starts: installation, machine, folders, what the run will need."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.diagnosis.examination import examine
    from cadc.diagnosis.finding import Finding
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Finding", "examine"]
