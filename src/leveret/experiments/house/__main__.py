"""`python -m leveret.experiments.house`: record the house's figures; see the package."""

import argparse
import sys

from leveret.errors import LeveretError
from leveret.experiments.house import PARTS, record

parser = argparse.ArgumentParser(prog="python -m leveret.experiments.house", description="Record the house's figures.")
parser.add_argument("measured", help="the folder of the measured files, build/house")
parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
parser.add_argument("-o", "--out", default="docs/results", help="folder of the results")
given = parser.parse_args()
try:
    print(record(given.measured, given.out, given.part or PARTS))
except LeveretError as error:
    sys.exit(f"error: {error}")
