"""What labels are made of: ratings, and thresholds that make labels of them."""
