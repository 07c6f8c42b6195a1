"""The command ``mmsapiens``.

A module per subcommand, imported when it is called, so that ``mmsapiens --help`` starts neither
torch nor a host.
"""
