"""From epochs to the arrays that models learn from."""

# License: BSD-3-Clause
