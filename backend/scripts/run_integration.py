#!/usr/bin/env python3
"""Run the integration tests, everything under tests/; every argument but --help goes on to pytest.

    run_integration.py
    run_integration.py -k ledger -x      only some of them, up to the first that fails

`python -m pytest --help` lists pytest's own options: each of them can be given here.
"""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("tests", "test_*.py", __doc__))
