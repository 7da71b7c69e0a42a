#!/usr/bin/env python3
"""Run the integration tests, which are in tests/; all arguments except --help are passed to pytest.

    run_integration.py
    run_integration.py -k ledger -x      only some of them, until one fails

`python -m pytest --help` lists pytest's options; all of them can be used here.
"""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("tests", "test_*.py", __doc__))
