"""Renderer of synthetic people with labels for every task of mmsapiens."""
