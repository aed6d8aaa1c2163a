"""Tables of sweeps, and of any runs of a ledger."""
