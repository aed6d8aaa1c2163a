"""The stack: a linear model of views, and the regressions that fit its weights."""
