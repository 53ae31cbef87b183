"""`python -m seqstudio`: the same as the command seqstudio."""

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()

    from seqstudio.cli import main

    sys.exit(main())
