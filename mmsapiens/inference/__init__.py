"""From photographs and videos to files: sources, people, networks, writers.

Nothing here imports torch or a host package before it is used, so that the command line starts at
once.
"""
