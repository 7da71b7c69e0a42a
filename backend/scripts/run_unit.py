#!/usr/bin/env python3
"""Run the unit tests, which stand beside the modules; arguments go on to pytest."""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("unit"))
