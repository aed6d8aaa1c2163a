"""What a person at a terminal sees and sends: progress bars, Ctrl-C."""
