"""Check the wheel and the sdist of a release, in environments of their own.

    python tests/dist/check_dist.py dist [--train] [-o build/house/install.json]

What each holds; that the plain install is numpy and safetensors and predicts with a model of the zoo; that its types
satisfy a user's strict mypy; that the sdist builds; that extras bring what they say; and what the plain install weighs.
With `--train` PyTorch and all that comes with it are installed too, which takes some minutes. Stdlib alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLAIN = {"leveret", "numpy", "safetensors"}
# what has no place in a release: results, builds, caches, other people's files
LITTER = ("docs/results", "build/", "demo/", ".git/", ".venv", "__pycache__", ".pyc", ".so.", "lightning_logs", "runs/")
MOST_WHEEL = 3_000_000

TRY_PLAIN = """
import sys
import leveret
model = leveret.load_model(leveret.zoo.path("digits"))
images, labels = leveret.zoo.sample("digits")
right = (model.predict(images) == labels).mean()
assert right >= 0.9, right
heavy = {"torch", "PIL", "typer", "rich", "scipy"} & set(sys.modules)
assert not heavy, heavy
from leveret.runtime import kernels
assert kernels.available_isas()[0] != "reference", "the kernels weren't compiled"
print(f"{right:.0%} of {len(labels)} sample digits right, by {kernels.isa()} kernels")
"""

TRY_TRAIN = """
import leveret
data = leveret.load("digits")
net = leveret.ConvNet(1, 10, depth=3, width=8)
leveret.fit(net, data, epochs=1, progress=False)
print(f"a net trained for one epoch: {leveret.evaluate(net, data).accuracy:.0%}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path, help="the folder that holds the wheel and the sdist")
    parser.add_argument("--train", action="store_true", help="install leveret[train], too, and train")
    parser.add_argument("-o", "--out", type=Path, help="write what the plain install weighs to this JSON file")
    given = parser.parse_args()
    # what is run here runs in another folder
    wheel, sdist = (only(given.dist.resolve(), kind) for kind in ("*.whl", "*.tar.gz"))
    check_wheel(wheel)
    check_sdist(sdist)
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    with tempfile.TemporaryDirectory(prefix="leveret-dist-") as folder:
        plain = Environment(Path(folder) / "plain")
        plain.install(str(wheel))
        check_plain(plain)
        weights = plain.weights()
        check_types(plain)
        check_extras(plain, wheel, given.train)
        source = Environment(Path(folder) / "source")
        source.install(str(sdist))
        check_plain(source)
    total = sum(weights.values())
    print(
        f"the plain install weighs {total / 1e6:.1f} MB: " + ", ".join(f"{k} {v / 1e6:.1f}" for k, v in weights.items())
    )
    if given.out is not None:
        record = {"install_bytes": total, "packages": weights, "wheel_bytes": wheel.stat().st_size}
        record["sdist_bytes"] = sdist.stat().st_size
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(record, indent=2) + "\n")


class Environment:
    """A fresh virtual environment."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.folder = folder
        self.python = folder / "bin" / "python"

    def install(self, what: str) -> None:
        run(self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what)

    def installed(self) -> set[str]:
        """Packages that are there, pip and what came with it left out."""
        listed = run(self.python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
        return {one["name"].lower() for one in json.loads(listed)} - {"pip", "setuptools", "wheel"}

    def weights(self) -> dict[str, int]:
        """Bytes of each package's files, those that Python compiles at the first import left out."""
        weighed = run(self.python, "-c", _WEIGH, *sorted(PLAIN))
        return dict(json.loads(weighed))

    def leveret(self, *words: Any, code: int = 0) -> str:
        return run(self.python, "-m", "leveret", *words, code=code)


_WEIGH = """
import importlib.metadata, json, sys
def weight(name):
    files = importlib.metadata.files(name) or []
    return sum(f.locate().stat().st_size for f in files if f.suffix != ".pyc" and f.locate().exists())
print(json.dumps({name: weight(name) for name in sys.argv[1:]}))
"""


def check_wheel(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    kernels = [
        name for name in names if name.startswith("leveret/runtime/_kernels.") and name.endswith((".so", ".pyd"))
    ]
    expect(len(kernels) == 1, f"{path.name} must hold the compiled kernels once, it holds {kernels}")
    for name in (
        "leveret/py.typed",
        "leveret/__main__.py",
        "leveret/zoo/models/digits.lvr",
        "leveret/zoo/models/digits.md",
    ):
        expect(name in names, f"{path.name} lacks {name}")
    expect(any(name.endswith("licenses/LICENSE") for name in names), f"{path.name} lacks the licence")
    strays = [name for name in names if not name.startswith("leveret/") and ".dist-info/" not in name]
    expect(not strays, f"{path.name} holds what isn't Leveret's package: {strays[:5]}")
    check_litter(path, names)
    size = path.stat().st_size
    expect(size < MOST_WHEEL, f"{path.name} has {size:,} bytes, at most {MOST_WHEEL:,} were expected")
    print(f"{path.name}: {len(names)} files, {size:,} bytes")


def check_sdist(path: Path) -> None:
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    for name in ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "CMakeLists.txt", "src/kernels/module.cpp"):
        expect(name in names, f"{path.name} lacks {name}")
    expect("src/leveret/zoo/models/digits.lvr" in names, f"{path.name} lacks the zoo")
    binaries = [name for name in names if name.endswith((".so", ".pyd", ".o"))]
    expect(not binaries, f"{path.name} holds compiled files: {binaries[:5]}")
    check_litter(path, names)
    print(f"{path.name}: {len(names)} files, {path.stat().st_size:,} bytes")


def check_litter(path: Path, names: list[str]) -> None:
    litter = [name for name in names if any(part in name for part in LITTER)]
    expect(not litter, f"{path.name} holds litter: {litter[:5]}")


def check_plain(here: Environment) -> None:
    expect(
        here.installed() == PLAIN,
        f"the plain install must bring {sorted(PLAIN)}, it brought {sorted(here.installed())}",
    )
    print(run(here.python, "-c", TRY_PLAIN).strip())
    sample = here.leveret("zoo", "digits", "--sample").strip()
    lines = here.leveret("predict", "zoo:digits", sample).splitlines()
    expect(len(lines) == 40, f"predict must give 40 lines, it gave {len(lines)}")
    expect("digits" in here.leveret("inspect", "zoo:digits"), "inspect says nothing of the model")
    said = here.leveret("fit", "photos", code=2)
    expect('pip install "leveret[train]"' in said, f"leveret fit must say what to install, it said {said!r}")
    said = run(here.python, "-c", "import leveret; leveret.fit", code=1)
    expect('leveret.fit needs PyTorch: pip install "leveret[train]"' in said, f"leveret.fit said {said!r}")


def check_types(here: Environment) -> None:
    run(sys.executable, "-m", "mypy", "--strict", "--python-executable", here.python, "--no-incremental",
        "--config-file=", HERE / "user_code.py")  # fmt: skip
    print("a user's file passes mypy --strict")


def check_extras(here: Environment, wheel: Path, train: bool) -> None:
    here.install(f"{wheel}[cli,images]")
    expect({"typer", "rich", "pillow"} <= here.installed(), "the extras cli and images didn't bring all of theirs")
    expect("torch" not in here.installed(), "the extras cli and images brought PyTorch")
    picture = here.folder / "white.png"
    run(here.python, "-c", f"from PIL import Image; Image.new('L', (8, 8), 255).save({str(picture)!r})")
    expect(str(picture) in here.leveret("predict", "zoo:digits", picture), "predict said nothing of a PNG")
    said = here.leveret("fit", "digits", "-o", here.folder / "out", code=1)
    expect('pip install "leveret[train]"' in said, f"leveret fit must say what to install, it said {said!r}")
    if train:
        here.install(f"{wheel}[train]")
        print(run(here.python, "-c", TRY_TRAIN).strip())


def only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    expect(len(found) == 1, f"{folder} must hold one {pattern}, it holds {[path.name for path in found]}")
    return found[0]


def run(*command: Any, code: int = 0) -> str:
    """What a command says; it must end with that exit code. It runs elsewhere than in the checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=tempfile.gettempdir(), env=environment
    )
    if done.returncode != code:
        raise SystemExit(
            f"{' '.join(map(str, command))}\nended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout if code == 0 else done.stderr


def expect(fine: bool, otherwise: str) -> None:
    if not fine:
        raise SystemExit(otherwise)


if __name__ == "__main__":
    main()
