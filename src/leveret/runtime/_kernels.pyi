from typing import Any

import numpy as np
from numpy.typing import NDArray

_Channels = NDArray[np.float32] | None
_Row = tuple[int, ...]

Engine: Any  # of src/kernels/engine, see leveret.runtime._engine

def available_isas() -> list[str]: ...
def isa() -> str: ...
def set_isa(name: str, /) -> None: ...
def default_threads() -> int: ...
def encode_symbols(symbols: NDArray[np.uint16], levels: int, line: int, /) -> bytes: ...
def decode_symbols(coded: NDArray[np.uint8], levels: int, line: int, out: NDArray[np.uint16], /) -> bool: ...
def peaks(seconds: float, /) -> list[float]: ...
def pack(
    x: NDArray[np.float32],
    channels: int,
    threshold: _Channels,
    flip: NDArray[np.uint8] | None,
    out: NDArray[np.uint64],
    threads: int,
) -> None: ...
def affine(
    x: NDArray[np.float32],
    channels: int,
    scale: _Channels,
    shift: _Channels,
    add: _Channels,
    before: _Channels,
    slope: _Channels,
    after: _Channels,
    out: NDArray[np.float32],
    threads: int,
) -> None: ...
def pool(
    x: NDArray[np.float32],
    window: _Row,
    average: bool,
    count_padding: bool,
    out: NDArray[np.float32],
    threads: int,
    /,
) -> None: ...

class BitConvLayer:
    def __init__(self, weights: NDArray[np.uint64], channels: int, groups: int, /) -> None: ...
    @property
    def isa(self) -> str: ...
    def real(self, bits: NDArray[np.uint64], window: _Row, **steps: Any) -> None: ...
    def bits(
        self,
        bits: NDArray[np.uint64],
        window: _Row,
        threshold: NDArray[np.float32],
        flip: NDArray[np.uint8],
        out: NDArray[np.uint64],
        threads: int,
        /,
    ) -> None: ...

class FloatConvLayer:
    def __init__(self, weights: NDArray[np.float32], channels: int, groups: int, exact: bool, /) -> None: ...
    def run(self, x: NDArray[np.float32], window: _Row, **steps: Any) -> None: ...

def quantize(
    x: NDArray[np.float32], step: float, low: int, high: int, out: NDArray[np.uint8], threads: int, /
) -> None: ...
def sparse_product(
    values: NDArray[np.float32],
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    x: NDArray[np.float32],
    steps: tuple[_Channels, ...],
    out: NDArray[np.float32],
    threads: int,
    /,
) -> None: ...
def planes_pay(planes: int, low: int, high: int, /) -> bool: ...

class WholeConvLayer:
    def run(
        self,
        image: NDArray[np.uint8],
        window: _Row,
        steps: tuple[_Channels, ...],
        out: NDArray[np.float32],
        threads: int,
    ) -> None: ...

class PlaneConvLayer(WholeConvLayer):
    def __init__(
        self,
        weights: NDArray[np.uint64],
        coefficients: list[int],
        constant: int,
        low: int,
        high: int,
        channels: int,
        groups: int,
        /,
    ) -> None: ...

class IntConvLayer(WholeConvLayer):
    def __init__(self, weights: NDArray[np.int8], low: int, high: int, channels: int, groups: int, /) -> None: ...

def engine_quantize(engine: Any, input: int, step: float, low: int, high: int, /) -> int: ...
def engine_whole_conv(
    engine: Any, input: int, add: int | None, layer: WholeConvLayer, window: _Row, steps: tuple[_Channels, ...]
) -> int: ...
def engine_sparse(
    engine: Any,
    input: int,
    add: int | None,
    values: NDArray[np.float32],
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    steps: tuple[_Channels, ...],
) -> int: ...
