"""Which training rows stay: a log, a rate and a generator in, row numbers out."""
