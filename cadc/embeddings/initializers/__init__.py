"""What values the embedding tables start from: one way a file."""
