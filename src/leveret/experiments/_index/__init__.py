"""The overview of a folder of results."""
from pathlib import Path
from leveret._files import write_text
def write_index(out: Path) -> Path:
    write_text(out/"index.md","x"); return out/"index.md"
