"""Training of one model by several ranks, which share each batch: what makes it exact, and what cannot be shared."""
