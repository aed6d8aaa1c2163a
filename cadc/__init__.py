"""cadc: how little training data, and how few bytes of table, does a recommender need?"""

__version__ = "0.1.0"
