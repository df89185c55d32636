#!/usr/bin/env python3
"""rhoma embed, as a program of its own."""

import sys

from rhoma.cli import main

main(["embed", *sys.argv[1:]])
