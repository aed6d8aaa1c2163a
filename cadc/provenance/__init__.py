"""Where results come from: fingerprints of configuration and code, the environment, and the costs."""
