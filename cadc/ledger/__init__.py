"""The ledger: a record of each run on disk, and all of them as a data frame."""

from cadc.ledger.store import Ledger, load

__all__ = ["Ledger", "load"]
