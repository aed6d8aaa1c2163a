"""Views of items beside items: how alike they are, and weights that say what a user holds of one by the others."""
