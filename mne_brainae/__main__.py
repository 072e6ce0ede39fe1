"""Run the command line as ``python -m mne_brainae``."""

# License: BSD-3-Clause

from .commands import main

if __name__ == "__main__":
    main()
