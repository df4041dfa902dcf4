"""The documentation's site: each page in the navigation, each public name in the API reference, no broken link."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import leveret
from leveret.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# an experiment's page appears when it has run; the site has no link until then
COMING = {f"{name}.md" for name in EXPERIMENTS}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def api() -> Any:
    sys.path.insert(0, str(DOCS / "_make"))
    try:
        return importlib.import_module("api")
    finally:
        sys.path.remove(str(DOCS / "_make"))


@pytest.fixture(scope="module")
def navigation() -> list[str]:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)

    def walk(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return [page for each in (entry.values() if isinstance(entry, dict) else entry) for page in walk(each)]

    return walk(config["nav"])


def test_navigation_has_each_page_once(navigation: list[str]) -> None:
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("*.md"))
    assert sorted(page for page in navigation if page in pages) == pages
    # the other entries are lists that the build makes
    assert set(navigation) - set(pages) == {"results/", "api/", "changelog.md"}


def test_each_public_name_has_its_entry(api: Any) -> None:
    text = "\n".join(api.pages().values())
    entries = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE)) | set(re.findall(r'<a id="(\S+)"></a>', text))
    linked = dict(re.findall(r"^\| \[`(\S+)`\]\(\S+#(\S+)\)", text, re.MULTILINE))
    packages = [leveret.__name__] + [
        module.name
        for module in pkgutil.walk_packages(leveret.__path__, "leveret.")
        if not any(part.startswith("_") for part in module.name.split("."))
        and not module.name.startswith("leveret.cli")
    ]
    assert "leveret.shrink.binary" in packages
    missing = []
    for package in packages:
        for name in getattr(importlib.import_module(package), "__all__", ()):
            if f"{package}.{name}" not in entries and linked.get(name) is None:
                missing.append(f"{package}.{name}")
    assert not missing
    # whatever is linked stands somewhere
    assert set(linked.values()) <= entries


def test_an_entry_stands_once(api: Any) -> None:
    rooms = api.rooms()
    homes = [entry.path for room in rooms for entry in room.all_entries() if entry.home == entry.path]
    assert len(homes) == len(set(homes))
    binarize = [entry for room in rooms for entry in room.all_entries() if entry.name == "binarize"]
    assert len(binarize) == 3  # gathered by leveret, leveret.shrink and leveret.shrink.binary
    assert {entry.home for entry in binarize} == {"leveret.shrink.binarize"}


def anchors(page: Path) -> set[str]:
    """Of its headings, as forges make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    broken = []
    for link, picture in LINK.findall(text):
        target, _, anchor = (link or picture).partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        if path.parent.name == "results" and path.name in COMING and not path.exists():
            continue
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(link or picture)
    assert not broken


def test_pictures_have_a_script_each_and_are_small() -> None:
    pictures = DOCS / "pictures"
    made = {path.stem for path in pictures.glob("*.svg")} - {"logo"}
    assert made == {path.stem for path in pictures.glob("[a-z]*.py")}
    assert all(path.stat().st_size < 200_000 for path in pictures.glob("*.svg"))
    shown = set(re.findall(r"\]\(pictures/(\w+)\.svg\)", "\n".join(p.read_text("utf-8") for p in DOCS.glob("*.md"))))
    assert made == shown


def test_pictures_scripts_find_what_they_import() -> None:
    missing = []
    for script in (DOCS / "pictures").glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("leveret"):
                module = importlib.import_module(str(node.module))
                missing += [
                    f"{script.name}: {node.module}.{each.name}" for each in node.names if not hasattr(module, each.name)
                ]
    assert not missing
