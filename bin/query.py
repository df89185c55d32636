#!/usr/bin/env python3
"""rhoma query, as a program of its own."""

import sys

from rhoma.cli import main

main(["query", *sys.argv[1:]])
