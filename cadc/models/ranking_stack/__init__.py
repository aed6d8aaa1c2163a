"""How a stack learns to rank: contests between items, and softmax regression."""
