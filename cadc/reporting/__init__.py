"""Tables, figures and comparisons of finished runs, and their provenance."""
