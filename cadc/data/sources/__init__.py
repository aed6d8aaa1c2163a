"""The data sets that cadc can read, one file each."""
