"""Schemes of storing embedding tables in few bytes, one file each, and what several of them share."""
