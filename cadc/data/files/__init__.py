"""Table files: what their names say of their format, their bytes cut into records, and their columns read by Arrow."""
