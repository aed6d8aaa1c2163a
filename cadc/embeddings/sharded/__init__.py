"""Uncompressed tables whose rows lie in several processes: a look-up exchanges the rows of a batch."""
