#!/usr/bin/env python3
"""Run the unit tests, which are next to the modules; all arguments except --help are passed to pytest.

    run_unit.py
    run_unit.py -k retries -x      only some of them, until one fails

`python -m pytest --help` lists pytest's options; all of them can be used here.
"""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("backend/modules", "test_*_unit.py", __doc__))
