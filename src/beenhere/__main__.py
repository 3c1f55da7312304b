"""``python -m beenhere``."""

from beenhere.cli.app import main

main()
