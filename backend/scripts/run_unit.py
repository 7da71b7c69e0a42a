#!/usr/bin/env python3
"""Run the unit tests, which stand beside the modules; every argument but --help goes on to pytest.

    run_unit.py
    run_unit.py -k retries -x      only some of them, up to the first that fails

`python -m pytest --help` lists pytest's own options: each of them can be given here.

variables:
    PYTEST_ADDOPTS  more options for pytest
No key is read and no network is used: what a test sends goes to this machine.

exit codes, which are pytest's:
    0  all passed
    1  some failed, or pytest is not installed
    2  interrupted
    4  an option that pytest does not know
    5  no test was found
"""

import sys

from suites import run

if __name__ == "__main__":
    sys.exit(run("unit", __doc__))
