"""A web page that shows what the networks make of an image."""
