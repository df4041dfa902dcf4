"""Time `make test` and `make demo` from fresh clones of the last commit.

    python tests/dist/fresh_clone.py -o build/house/times.json

Stdlib alone. Packages come from pip's cache, where it has them. The last lines of a command that fails are shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("targets", nargs="*", default=["demo", "test"], help="of make; default: demo test")
    given = parser.parse_args()
    found: dict[str, object] = {"commit": said("git", "-C", ROOT, "rev-parse", "HEAD")}
    for target in given.targets:
        with tempfile.TemporaryDirectory(prefix="leveret-clone-") as folder:
            said("git", "clone", "--quiet", ROOT, Path(folder) / "leveret")
            start = time.monotonic()
            said("make", "-C", Path(folder) / "leveret", target)
            found[f"make_{target}_seconds"] = round(time.monotonic() - start, 1)
        print(f"make {target}: {found[f'make_{target}_seconds']} s")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n")


def said(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{last}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
