"""Schemes that store embedding tables in few bytes, one file each, and the tables that several of them share."""
