"""How looked-up vectors become a score: each model maps a `Batch` to logits, shape [B]."""
