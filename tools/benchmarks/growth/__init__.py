"""How the cost of inference grows."""
