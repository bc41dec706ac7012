"""`python -m stepsize`: the command line."""

from stepsize.cli import main

main()
