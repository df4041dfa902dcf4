"""Stand-ins: small sets in the place of the real ones, so that every experiment runs with nothing but the package.

`leveret reproduce --quick` measures on these. They have the files, columns and shapes of the real sets, so that the
same code reads them: digits of scikit-learn's for MNIST, Fashion-MNIST and CIFAR-10, drawn cells for elpv's, drawn
streets for CamVid, and sentences by a small grammar for SST-2 and WNUT-2017, with vectors of their words. Whatever is
found on them says that the code works, and nothing of the method.
"""

from __future__ import annotations

from pathlib import Path

from leveret._files import write_text
from leveret.experiments._standins._cells import write_cells
from leveret.experiments._standins._digits import write_digits
from leveret.experiments._standins._sentences import write_sentences
from leveret.experiments._standins._streets import write_streets

__all__ = ["standins"]


def standins(folder: Path) -> Path:
    """Write all sets to `folder`, once; the same files every time. Gives the folder."""
    done = folder / ".complete"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for write in (write_digits, write_cells, write_streets, write_sentences):
            write(folder)
        write_text(done, "")
    return folder
