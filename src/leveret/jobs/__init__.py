"""The command line's jobs as library calls, one file each."""
