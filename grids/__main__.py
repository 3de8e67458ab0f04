"""`python -m grids` is `grids`."""

from __future__ import annotations

from grids.cli import main

if __name__ == "__main__":
    main()
