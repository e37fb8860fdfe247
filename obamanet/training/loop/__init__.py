"""The loop every training shares: steps, evaluations, log, weights, and resuming."""
