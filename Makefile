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

# Compare with the CPU and measure on a CUDA device, in at most eight minutes. It runs the
# Python that is there, with its PyTorch, and writes what it finds to OUT.
OUT ?= dist/cuda
SPEED = timeout 100 $(PYTHON) -m mne_brainae benchmark speed --device cuda --rounds 5

cuda:
	mkdir -p $(OUT)
	status=0; \
	timeout 150 $(PYTHON) -m pytest tests/cuda --junitxml=$(OUT)/tests.xml || status=1; \
	$(SPEED) --shape eeg --compare bf16 plain --epochs 5 --out $(OUT)/eeg.json \
	    || status=1; \
	$(SPEED) --shape meg --compare bf16 --out $(OUT)/meg.json || status=1; \
	$(SPEED) --shape mua --compare bf16 --out $(OUT)/mua.json || status=1; \
	exit $$status

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

.PHONY: demo test style doc cuda clean
