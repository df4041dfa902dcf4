"""Growing: new classes without starting over, by trees of nets that branch where classes are confused.

    tree = ClassTree.of(net, data)                    # a net that knows four classes, as a tree of one leaf
    growth = grow(tree, more, old=data)               # two more: previewed, taken up flat or by branching, trained
    growth.tree(images)                               # log probabilities of all six

Source: Xiao, Zhang, Yang, Peng & Zhang, "Error-Driven Incremental Learning in Deep Convolutional Neural Network for
Large-Scale Image Classification", ACM MM 2014.
"""

from leveret import _with_torch as _with_torch
from leveret.grow._grow import Growth, grow
from leveret.grow._measured import accuracies, tested
from leveret.grow._memory import Memory, herded, reservoir
from leveret.grow._node import Node
from leveret.grow._objectives import KeepOld
from leveret.grow._partition import Partition, partition, random_partition
from leveret.grow._plan import NodePlan, applied, plan
from leveret.grow._preview import Preview, preview
from leveret.grow._prune import distill_back, pruned
from leveret.grow._recipe import GrowRecipe
from leveret.grow._rows import with_outputs
from leveret.grow._rule import BranchRule
from leveret.grow._tree import ClassTree

__all__ = [
    "BranchRule",
    "ClassTree",
    "GrowRecipe",
    "Growth",
    "KeepOld",
    "Memory",
    "Node",
    "NodePlan",
    "Partition",
    "Preview",
    "accuracies",
    "applied",
    "distill_back",
    "grow",
    "herded",
    "partition",
    "plan",
    "preview",
    "pruned",
    "random_partition",
    "reservoir",
    "tested",
    "with_outputs",
]
