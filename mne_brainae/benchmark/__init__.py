"""The paper's tables: what is fitted, how it is scored, and what was published."""

# License: BSD-3-Clause
