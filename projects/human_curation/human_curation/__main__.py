"""``python -m human_curation COMMAND``."""

import os
import sys

# Before the libraries that read them when they are imported; see `engines.set_environment`.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('RAY_worker_niceness', '0')

from human_curation.cli import main

if __name__ == '__main__':
    sys.exit(main())
