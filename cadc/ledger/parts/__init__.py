"""Parts: runs of a ledger in one archive, so that a grid can be carried out at several places and collected."""
