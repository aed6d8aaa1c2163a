"""What `cadc train` says about the configuration: its help, and what a run is composed of."""
