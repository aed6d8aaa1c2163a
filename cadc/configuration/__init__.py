"""Overrides and components: overrides of a command become checked options and the classes that they name."""
