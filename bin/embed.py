#!/usr/bin/env python3
"""rhoma embed, as a program of its own."""

import sys

from rhoma.cli import main

if __name__ == "__main__":
    # a process that this one starts imports it again
    main(["embed", *sys.argv[1:]])
