"""How a model is fitted: Lightning module, optimiser grouping, callbacks."""
