"""Start SeqStudio: the window, or the command line when a command is given."""

import multiprocessing
import sys

if __name__ == "__main__":
    # First of all: in a frozen program every spawned process starts here, too.
    multiprocessing.freeze_support()

    from seqstudio.cli import main

    sys.exit(main())
