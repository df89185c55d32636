#!/usr/bin/env python3
"""rhoma train, as a program of its own."""

import sys

from rhoma.cli import main

main(["train", *sys.argv[1:]])
