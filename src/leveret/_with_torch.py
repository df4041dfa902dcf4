"""Imported first by the rooms that are made of PyTorch, so that without it they say what to install."""

from leveret._extras import needs

needs("this part of Leveret", "torch")
