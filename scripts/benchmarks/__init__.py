"""Timings of cadc beside other libraries, an older version of itself and the limits of the machine."""
