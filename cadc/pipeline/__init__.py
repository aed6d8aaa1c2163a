"""One run, start to end: `run` carries it out, `build` makes its parts, `record` writes it down."""
