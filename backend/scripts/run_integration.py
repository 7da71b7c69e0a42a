#!/usr/bin/env python3
"""Run the integration tests, everything under tests/; arguments go on to pytest."""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("integration"))
