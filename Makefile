# make demo | test | test-rigs | check: each sets up what it needs on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The tests start hundreds of programs: none of them is to compile edgecls again.
unexport PYTHONDONTWRITEBYTECODE
SECONDS_ARG := $(if $(SECONDS),--seconds $(SECONDS),)

.PHONY: demo test test-tflite-runtime test-foreign test-homeassistant test-torture soak \
	test-service test-arm64 test-rigs deb check bench clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/edgecls demo $(SECONDS_ARG)

# More workers than cores: many tests wait, for wills, trials and restarts.
test: $(VENV)/ready
	@tests/need
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "not rig and not torture"

# The predecessor of ai-edge-litert, which 32-bit boards get: it dies of files that the other refuses.
.venv-tflite-runtime/ready: pyproject.toml
	$(PYTHON) -m venv .venv-tflite-runtime
	.venv-tflite-runtime/bin/python -m pip install --quiet --editable '.[dev]' tflite-runtime 'numpy<2'
	.venv-tflite-runtime/bin/python -m pip uninstall --quiet --yes ai-edge-litert
	touch $@

test-tflite-runtime: .venv-tflite-runtime/ready
	@tests/need
	.venv-tflite-runtime/bin/python -m pytest -n 2 tests/vision tests/test_api.py \
		tests/teaching/test_base.py

# The image classifiers of MediaPipe and of the Task Library, whose wheels end at Python 3.11.
.venv-foreign/ready:
	$(PYTHON) -m venv .venv-foreign
	.venv-foreign/bin/python -m pip install --quiet mediapipe==1.2.2 tflite-support==0.4.4
	touch $@

test-foreign: $(VENV)/ready .venv-foreign/ready
	EDGECLS_FOREIGN_PYTHON=.venv-foreign/bin/python $(BIN)/python -m pytest -n 2 tests/foreign

# Home Assistant 2025.4.4 and 2026.2.3, which run on Python 3.13.0, though the latter denies it.
HOMEASSISTANT := 0.13.236 0.13.316
PYTHON_3_13 ?= $(shell PYENV_VERSION=3.13.0 python3 -c \
	'import sys; sys.version_info[:2] == (3, 13) and print(sys.executable)' 2>&-)

.PRECIOUS: .venv-homeassistant-%/ready
.venv-homeassistant-%/ready:
	$(PYTHON_3_13) -m venv .venv-homeassistant-$*
	.venv-homeassistant-$*/bin/python -m pip install --quiet uv  # pip alone needs five minutes
	.venv-homeassistant-$*/bin/uv pip install --quiet --python .venv-homeassistant-$* \
		--python-version 3.13.2 pytest-homeassistant-custom-component==$*
	touch $@

test-homeassistant-%: .venv-homeassistant-%/ready
	PYTHONPATH=. .venv-homeassistant-$*/bin/python -m pytest \
		-c tests/homeassistant/pytest.ini tests/homeassistant

test-homeassistant:
	@if [ -n "$(PYTHON_3_13)" ]; then \
		$(MAKE) $(HOMEASSISTANT:%=test-homeassistant-%); \
	else echo "skipped: Home Assistant needs Python 3.13, and there is none"; fi

# Kills by the dozen, full disks, damaged files, wrong clocks; some of it as root only.
test-torture: $(VENV)/ready
	@tests/need
	$(BIN)/python -m pytest -n 2 -m torture -rs

# An hour at full speed, the broker restarted each minute: what grows, what is lost. Two minutes of
# it are among the torture.
MINUTES ?= 60
soak: $(VENV)/ready
	@tests/need
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

# The Debian package, on a real systemd of Debian 12 and of Debian 13: not at the same time, because
# the rig's boards share their control groups.
test-service: $(VENV)/ready
	$(BIN)/python -m pytest -m rig -rs tests/rigs/test_service.py

# The package for a 64-bit Pi, by qemu-user: minutes, and so not for every landing.
test-arm64: $(VENV)/ready
	$(BIN)/python -m pytest -m rig -rs tests/rigs/test_arm64.py

test-rigs: $(VENV)/ready test-service
	$(BIN)/python -m pytest -m rig -rs --ignore tests/rigs/test_service.py \
		--ignore tests/rigs/test_arm64.py

# For this machine; or for another Debian, in a folder that the rigs make: SUITE=trixie ARCH=arm64.
RIGS ?= $(or $(EDGECLS_RIGS),../shared/rigs)
RIG_CACHE ?= $(or $(EDGECLS_RIG_CACHE),$(HOME)/.cache/edgecls-rigs)
ARCH ?= amd64
DEB_RIG := $(if $(filter arm64,$(ARCH)),arm64,board)
DEB_ROOT := $(if $(SUITE),$(RIG_CACHE)/$(DEB_RIG)-$(SUITE),/)
deb:
ifdef SUITE
	bash $(RIGS)/$(DEB_RIG)/make-root $(DEB_ROOT) $(SUITE)
endif
	$(if $(filter arm64,$(ARCH)),CHROOT="bash $(RIGS)/arm64/run") packaging/debian/build $(DEB_ROOT) dist

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready
	@tests/need
	$(BIN)/python -m tests.benchmarks.classify
	$(BIN)/python -m tests.benchmarks.daemon
	$(BIN)/python -m tests.benchmarks.events
	$(BIN)/python -m tests.benchmarks.accuracy
	$(BIN)/python -m tests.benchmarks.evaluate
	$(BIN)/python -m tests.benchmarks.replay

clean:
	rm -rf $(VENV) build dist *.egg-info
