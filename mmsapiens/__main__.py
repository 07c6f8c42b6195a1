"""``python -m mmsapiens`` is the command ``mmsapiens``."""

from .cli.main import main

if __name__ == '__main__':
    main()
