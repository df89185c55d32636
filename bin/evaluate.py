#!/usr/bin/env python3
"""rhoma evaluate, as a program of its own."""

import sys

from rhoma.cli import main

main(["evaluate", *sys.argv[1:]])
