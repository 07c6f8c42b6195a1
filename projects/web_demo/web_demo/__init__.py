"""A web page that shows what the networks make of a picture."""
