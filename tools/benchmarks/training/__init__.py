"""Models, batches and steps that the rows about training share."""
