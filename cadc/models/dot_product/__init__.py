"""Models whose score is the dot product of a user's and an item's vector: matrix factorisation, and over a graph."""
