"""What makes two computations the same, and what a computation cost."""
