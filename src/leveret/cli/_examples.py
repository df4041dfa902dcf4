"""An example of each command, which its `--help` ends with: a line that works as it stands, or with your files' names.

They are kept together so that one can read them as a tour, and so that a test can try every one.
"""

from __future__ import annotations

__all__ = ["EXAMPLES", "example"]

EXAMPLES = {
    "shrink": "leveret shrink digits --quick -o out",
    "fit": "leveret fit photos/ --balance auto --net resnet20 -o out",
    "compare": "leveret compare digits --methods magnitude,int8,xnor -o out",
    "distill": "leveret distill digits --student conv1 --params 30k -o out",
    "grow": "leveret grow out new-photos/ -o grown",
    "predict": "leveret predict out/model.lvr photos/ --top 3",
    "inspect": "leveret inspect out/model.lvr",
    "bench": "leveret bench out/model.lvr --against torch,onnxruntime",
    "export": "leveret export out/model.lvr -o model.onnx",
    "explain": "leveret explain out/model.lvr photos/cat.png -o where.png",
    "rules check": "leveret rules check rules.txt sentences.csv",
    "judge": "leveret judge yesterday/ today/ --looks looks.json",
    "budget": "leveret budget photos/ --net resnet20 --deadline 30m",
    "zoo": "leveret zoo digits",
    "data": "leveret data photos/ --sheet sheet.png",
    "reproduce": "leveret reproduce --quick",
}


def example(command: str) -> str:
    """The last line of a command's help."""
    return f"Example: {EXAMPLES[command]}"
