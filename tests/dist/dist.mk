# What a release is made of, and whether it works where nothing else is. TRAIN=1 installs PyTorch there, too.
.PHONY: dist test-dist house

# the wheel is built from the sdist, so that one that lacks a file doesn't pass
dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation

test-dist: dist
	$(BIN)/python tests/dist/check_dist.py dist $(if $(TRAIN),--train) -o build/house/install.json

# coverage, a fresh clone's times and the plain install's size, into docs/results/house.md; takes half an hour
house: test-dist
	$(BIN)/python tests/dist/fresh_clone.py -o build/house/times.json
	$(BIN)/python -m pytest -n $(JOBS) --quiet --cov=leveret --cov-report=json:build/house/coverage.json
	$(BIN)/python -m leveret.experiments.house build/house
