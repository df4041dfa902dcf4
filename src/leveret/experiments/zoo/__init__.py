"""How the models of the zoo were trained, each by one command that makes it anew.

    leveret zoo digits --train -o FOLDER
    leveret zoo fashion --train -o FOLDER --data DATASETS

writes `NAME.lvr`, its card `NAME.md`, the card's figures `NAME.json` and a few test images, `NAME.npz`, into FOLDER.
What `leveret.zoo` has is those files, of the recipe's own seed. A recipe takes at most three minutes of one core.
"""

from leveret.experiments.zoo._recipes import RECIPES, Recipe
from leveret.experiments.zoo._train import train

__all__ = ["RECIPES", "Recipe", "train"]
