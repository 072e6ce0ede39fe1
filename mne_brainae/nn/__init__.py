"""Networks and losses in plain PyTorch; nothing here knows of MNE-Python."""

# License: BSD-3-Clause
