"""The command ``mmsapiens``: a module per subcommand, imported when it is called."""
