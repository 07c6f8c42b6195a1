"""Four tasks on rendered people, from nothing to a page with images."""
