"""Where the blocks of a closed-form pass are worked on: in this process, or on workers of Ray."""
