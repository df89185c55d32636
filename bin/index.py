#!/usr/bin/env python3
"""rhoma index, as a program of its own."""

import sys

from rhoma.cli import main

main(["index", *sys.argv[1:]])
