"""`python -m cxlib` is `cx`."""

from cxlib.cli import main

main()
