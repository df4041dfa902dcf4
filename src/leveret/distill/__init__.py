"""Distillation: small nets that learn from what larger ones say, about as many images as one likes."""

from leveret.distill._sharded import ShardedArray
from leveret.distill._transfer import TransferSet

__all__ = ["ShardedArray", "TransferSet"]
