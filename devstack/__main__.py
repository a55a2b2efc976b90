"""`python -m devstack`."""

import sys

if __name__ == "__main__":
    try:
        from devstack.cli import main

        code = main()
    except KeyboardInterrupt:  # before there is anything to stop
        code = 130
    sys.exit(code)
