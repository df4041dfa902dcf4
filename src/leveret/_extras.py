"""Which packages are no part of the plain install, what they are needed for, and how that is said.

`pip install leveret` brings numpy and safetensors: enough to run, inspect and time packed models. All else is in
extras: `images`, `texts` and `cli` for the runtime, `train` for nearly everything, and a few for single purposes. What
misses a package says so in one way, wherever it is met: `leveret.fit needs PyTorch: pip install "leveret[train]"`.

Importing this file imports nothing of what it names.
"""

from __future__ import annotations

import importlib.util

from leveret.errors import LeveretMissingError

__all__ = ["installed", "missing", "needs"]

# module -> what people call it, and the smallest extra that brings it
_PACKAGES = {
    "PIL": ("Pillow", "images"),
    "tokenizers": ("tokenizers", "texts"),
    "typer": ("Typer", "cli"),
    "rich": ("rich", "cli"),
    "torch": ("PyTorch", "train"),
    "pytorch_lightning": ("PyTorch Lightning", "train"),
    "torchmetrics": ("TorchMetrics", "train"),
    "tensorboard": ("TensorBoard", "train"),
    "torch_pruning": ("Torch-Pruning", "train"),
    "datasets": ("Hugging Face datasets", "train"),
    "pyarrow": ("PyArrow", "train"),
    "sklearn": ("scikit-learn", "train"),
    "imblearn": ("imbalanced-learn", "train"),
    "scipy": ("SciPy", "train"),
    "matplotlib": ("Matplotlib", "train"),
    "jinja2": ("Jinja", "train"),
    "joblib": ("joblib", "train"),
    "optuna": ("Optuna", "train"),
    "lark": ("Lark", "train"),
    "onnx": ("onnx", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
    "onnxruntime": ("ONNX Runtime", "onnx"),
    "openvino": ("OpenVINO", "bench"),
    "elpv_dataset": ("elpv-dataset", "bench"),
    "faiss": ("faiss", "faiss"),
    "pyvips": ("pyvips", "vips"),
}


def installed(module: str) -> bool:
    """Whether a top-level module could be imported; it isn't."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # it is imported, and nobody knows from where
        return True


def needs(what: str, *modules: str) -> None:
    """Go on where all modules are installed.

    Args:
        what: needs them: "leveret.fit", "reading images".
        modules: some of those that are in extras.

    Raises:
        LeveretMissingError: names the first that isn't there, and the extra that brings it.
    """
    for module in modules:
        if not installed(module):
            title, extra = _PACKAGES[module]
            raise LeveretMissingError(_words(what, title, extra), name=module)


def missing(what: str, error: ImportError) -> LeveretMissingError | None:
    """An import that failed as an error that says what to install; None where it failed for another reason."""
    module = (error.name or "").partition(".")[0]
    if module not in _PACKAGES or installed(module):
        return None
    return LeveretMissingError(_words(what, *_PACKAGES[module]), name=module)


def _words(what: str, title: str, extra: str) -> str:
    return f'{what} needs {title}: pip install "leveret[{extra}]"'
