"""A stack of views distilled into one product of packed vectors."""
