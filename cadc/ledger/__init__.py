"""What was run and what came out: a record per finished run on disk, all of them as a data frame."""

from cadc.ledger.store import Ledger, load

__all__ = ["Ledger", "load"]
