"""The version of what a record holds."""

SCHEMA_VERSION = 4
"""Of records that are written; earlier ones are read.

Version 1 had no hashes of the run's files, version 2 no task; up to version 3, ids named classes by the place of their
file.
"""
