"""How results look: tables, figures, and where they came from."""
