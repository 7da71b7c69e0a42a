#!/usr/bin/env python3
"""Run the unit tests, which stand beside the modules; every argument but --help goes on to pytest.

    run_unit.py
    run_unit.py -k retries -x      only some of them, up to the first that fails

`python -m pytest --help` lists pytest's own options: each of them can be given here.
"""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("backend/modules", "test_*_unit.py", __doc__))
