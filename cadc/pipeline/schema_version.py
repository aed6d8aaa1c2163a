"""The version of what a record holds."""

SCHEMA_VERSION = 5
"""Of records that are written; earlier ones are read.

Version 1 had no hashes of the run's files, version 2 no task; up to version 3, ids named classes by the place of their
file; up to version 4, times were not sealed.
"""
