"""What mkdocs does beside reading docs/: the API reference's pages, the results' and the files that pages link to.

The navigation of mkdocs.yml has `Results: results/` and `API: api/`; here they become lists of pages, so that a new
experiment or a new public name needs no line there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))

import api

ROOT = Path(__file__).parents[2]
OUTWARD = re.compile(r"\]\(((?:\.\./)+)((?!\.\.)[^)#\s]+)")  # a link that may leave docs/

RESULT = re.compile(r"\[([^\]\n]+)\]\((results/[\w-]+\.md)(?:#[\w-]+)?\)")

_rooms: list[api.Room] = []
_pages: dict[str, str] = {}


def on_config(config: Any) -> Any:
    _rooms[:] = api.rooms()
    _pages.update(api.pages(_rooms))
    for entry in (each for each in config.nav if isinstance(each, dict)):
        if entry.get("Results") == "results/":
            entry["Results"] = results_of(Path(config.docs_dir))
        elif entry.get("API") == "api/":
            entry["API"] = list(_pages)
    return config


def results_of(docs: Path) -> list[str]:
    """The results' pages, the one that links them all first."""
    found = sorted(path.relative_to(docs).as_posix() for path in (docs / "results").glob("*.md"))
    return sorted(found, key=lambda name: name != "results/index.md")


def on_files(files: Any, config: Any) -> Any:
    for name, text in _pages.items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    for path in outward_links(Path(config.docs_dir)):
        files.append(File.generated(config, f"files/{path}", content=(ROOT / path).read_bytes()))
    return files


def on_post_build(config: Any) -> None:
    """Each public name has its place in the pages as they were made, or the build fails."""
    site = Path(config.site_dir)
    for room in _rooms:
        text = (site / room.file).with_suffix(".html").read_text(encoding="utf-8")
        missing = [
            each.path for each in room.all_entries() if each.home == each.path and f'id="{each.path}"' not in text
        ]
        if missing:
            raise PluginError(f"{room.file} has no entry for {', '.join(missing)}")


def outward_links(docs: Path) -> list[str]:
    """Files of the project beside docs/ that pages link to; the site gets a copy of each."""
    found = set()
    for page in docs.rglob("*.md"):
        for match in OUTWARD.finditer(page.read_text(encoding="utf-8")):
            target = (page.parent / (match[1] + match[2])).resolve()
            if docs.resolve() not in target.parents and target.is_file():
                found.add(target.relative_to(ROOT.resolve()).as_posix())
    return sorted(found)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    here = ROOT / "docs" / page.file.src_path
    depth = page.file.src_path.count("/")

    def turned(match: re.Match[str]) -> str:
        target = (here.parent / (match[1] + match[2])).resolve()
        if (ROOT / "docs").resolve() in target.parents or not target.is_file():
            return match[0]
        return f"]({'../' * depth}files/{target.relative_to(ROOT.resolve()).as_posix()}"

    def recorded(match: re.Match[str]) -> str:
        # an experiment's page appears when it has run, which takes hours; until then its name is no link
        return match[0] if (here.parent / match[2]).exists() else match[1]

    return RESULT.sub(recorded, OUTWARD.sub(turned, markdown))
