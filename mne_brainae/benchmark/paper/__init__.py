"""The tables and figures of the paper."""

# License: BSD-3-Clause
