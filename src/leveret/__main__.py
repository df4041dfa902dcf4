"""`python -m leveret`: the command line, where the `leveret` script is not on the path."""

from leveret.cli import main

main()
