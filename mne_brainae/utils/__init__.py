"""Checks, shared docstring texts, and files."""

# License: BSD-3-Clause
