"""A finished run put to use: loaded, scoring new rows, exported."""
