"""``python -m mmsapiens`` is the command ``mmsapiens``."""

from mmsapiens.cli.main import main

if __name__ == '__main__':
    main()
