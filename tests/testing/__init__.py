"""Contract tests that outsiders can call: sound components pass, and each kind of broken one is refused."""
