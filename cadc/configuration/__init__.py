"""Overrides and components: from the words of a command to checked options and the classes they name."""
