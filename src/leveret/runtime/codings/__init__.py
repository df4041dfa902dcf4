"""How weights are stored in a file where there is something smaller than the numbers that kernels take.

A coding is lossless: it gives back the very bytes. Which tensors have one, a file says in its metadata `codings`.
"""

from leveret.runtime.codings._base import Coding
from leveret.runtime.codings._choose import choose
from leveret.runtime.codings._file import decoded, encoded
from leveret.runtime.codings._hashed import Hashed, hashed_places
from leveret.runtime.codings._planes import Planes
from leveret.runtime.codings._product import Product
from leveret.runtime.codings._symbols import code as code_symbols
from leveret.runtime.codings._tables import Sparse, Table

__all__ = [
    "Coding",
    "Hashed",
    "Planes",
    "Product",
    "Sparse",
    "Table",
    "choose",
    "code_symbols",
    "decoded",
    "encoded",
    "hashed_places",
]
