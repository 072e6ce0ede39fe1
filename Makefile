# One virtual environment, built on first use and again when pyproject.toml changes.
PYTHON ?= python3
BIN = .venv/bin

demo: .venv/installed
	$(BIN)/python -m mne_brainae demo

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2 $(OPTIONS)

style: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

doc: .venv/installed-doc
	$(BIN)/python -m sphinx -nWT --keep-going -b html doc doc/_build/html
	$(BIN)/python doc/check_site.py doc/_build/html

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-%: .venv/installed
	$(BIN)/python -m pip install --quiet --editable . --group $*
	touch $@

clean:
	rm -rf .venv dist doc/_build doc/auto_tutorials doc/generated

.PHONY: demo test style doc clean
