"""Functions on tensors and arrays that know no model."""
