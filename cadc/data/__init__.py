"""What a log of interactions is: raw files → `InteractionLog` → split → batches."""
