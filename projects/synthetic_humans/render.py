#!/usr/bin/env python
"""Render people without an installation: the command `synthetic-humans`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from synthetic_humans.cli import main

if __name__ == '__main__':
    sys.exit(main())
