"""Transforms: each takes a net and gives a smaller one."""
