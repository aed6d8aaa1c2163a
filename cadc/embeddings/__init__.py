"""How embedding tables are stored, and what values they start from."""
