"""What the results say of each claim: its figures, verdict, runs and code, in one list of all experiments."""
