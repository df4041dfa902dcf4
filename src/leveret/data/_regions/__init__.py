"""How regions of a stored image are read, each kind of file as far as it allows: a reader a file.

A reader's boxes are in the stored image, before its EXIF orientation is applied, and all within it.
"""

from leveret.data._regions._choose import choose_reader
from leveret.data._regions._reader import Box, Reader

__all__ = ["Box", "Reader", "choose_reader"]
