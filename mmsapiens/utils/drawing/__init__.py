"""Colors, text and panels for every drawing; needs no host."""
