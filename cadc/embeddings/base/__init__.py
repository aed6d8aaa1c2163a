"""What every embedding table and every scheme of storing one share."""
