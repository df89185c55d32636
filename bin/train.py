#!/usr/bin/env python3
"""rhoma train, as a program of its own."""

import sys

from rhoma.cli import main

if __name__ == "__main__":
    # a process that this one starts imports it again
    main(["train", *sys.argv[1:]])
