#!/usr/bin/env python3
"""rhoma align, as a program of its own."""

import sys

from rhoma.cli import main

if __name__ == "__main__":
    # a process that this one starts imports it again
    main(["align", *sys.argv[1:]])
