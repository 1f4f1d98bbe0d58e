# Everything runs in a virtual environment below the project, made when it is missing. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
CC ?= cc
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

C_SOURCES := $(wildcard csrc/engine/*.[ch] csrc/binding/*.[ch])
PY_SOURCES := $(wildcard python/sinew/*.py python/sinew/*.pyi python/sinew/*/*.py)
BUILD_FILES := setup.py pyproject.toml

# The suite without what looks at the project rather than at sinew: for instrumented builds.
CORE := --ignore=tests/engine --ignore=tests/typing --ignore=tests/packaging --ignore=tests/test_docs.py -m "not bulk" -p no:cacheprovider
PYTEST := -m pytest -q

# What is repeated often, or is slow by itself: without random programs.
LEAN := $(CORE) --ignore=tests/memory --ignore=tests/stateful --ignore=tests/test_query_oracle.py

.PHONY: help demo example test build deps lint format typecheck pyright lint-c analyze engine-tests fuzz-replay fuzz debug \
	asan tiny sweep leaks pydebug valgrind coverage bench bench-getters instructions growth coverage-run coverage-report prove dist clean

help:
	@echo 'make demo          read the standard library into sinew and ask it questions'
	@echo 'make example       the blog of the README; ARGS=shop for another one of examples/'
	@echo 'make test          the test suite (ARGS="-k name" goes to pytest)'
	@echo 'make lint          formatting, warnings as errors, types'
	@echo 'make format        lets the formatters write'
	@echo 'make analyze       gcc -fanalyzer, cppcheck and clang-tidy on csrc'
	@echo 'make engine-tests  the C tests of the engine, with a hostile allocator, also with tiny limits'
	@echo 'make fuzz-replay   the corpus of the fuzzer'
	@echo 'make fuzz          the fuzzer itself (clang; FUZZ_SECONDS=n)'
	@echo 'make debug         the core suite with asserts and the whole store checked after each statement'
	@echo 'make tiny          the same with the smallest capacities'
	@echo 'make sweep         every public operation with each allocation refused, from Python'
	@echo 'make leaks         each test of the core suite over and over: what grows?'
	@echo 'make pydebug       the core suite on a debug interpreter (python3-dbg), and for leaks of references'
	@echo 'make valgrind      reads of uninitialised memory, invalid accesses (valgrind, and a python3 of the system)'
	@echo 'make asan          the core suite under the address and undefined-behaviour sanitizers'
	@echo 'make coverage      lines and branches of csrc that the core suite, the C tests and the corpus of the fuzzer reach'
	@echo 'make bench         the benchmarks (ARGS=--quick)'
	@echo 'make bench-getters getters beside other caches, and what a kept value takes (ARGS=--quick)'
	@echo 'make instructions  instructions per operation against the baseline (valgrind; ARGS=--write)'
	@echo 'make growth        memory and times from 100 thousand to 10 million posts (ARGS="--sizes 100000 1000000")'
	@echo 'make prove         all of it, summed up in docs/proof.md'
	@echo 'make dist          sdist and wheel in dist/'
	@echo 'make clean         removes the environment and every build'

# ---------------------------------------------------------------- environment and build

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sinew needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip 'setuptools>=77'
	@touch $@

$(VENV)/.built: $(VENV)/.made $(C_SOURCES) $(BUILD_FILES)
	$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

# The requirements of one extra of pyproject.toml.
$(VENV)/.extra-%: $(VENV)/.made pyproject.toml
	$(PIP) $$($(PY) tools/requirements.py $*)
	@touch $@

build: $(VENV)/.built
deps: $(VENV)/.extra-test $(VENV)/.extra-lint $(VENV)/.extra-demo

# ---------------------------------------------------------------- use

demo: $(VENV)/.built $(VENV)/.extra-demo
	$(PY) examples/stdlib.py $(ARGS)

example: $(VENV)/.built
	$(PY) examples/$(or $(ARGS),blog).py

test: $(VENV)/.built $(VENV)/.extra-test
	$(PY) $(PYTEST) $(ARGS)

bench: $(VENV)/.built $(VENV)/.extra-bench
	$(PY) -m benchmarks $(ARGS)

bench-getters: $(VENV)/.built $(VENV)/.extra-bench
	$(PY) -m benchmarks.getters $(ARGS)

instructions: $(VENV)/.built
	$(PY) -m benchmarks.instructions $(ARGS)

growth: $(VENV)/.built
	$(PY) -m benchmarks.growth $(ARGS)

# ---------------------------------------------------------------- lint

lint: $(VENV)/.extra-lint $(VENV)/.extra-test lint-c typecheck
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.extra-lint
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(VENV)/bin/clang-format -i $(C_FORMATTED)

typecheck: $(VENV)/.extra-test
	$(PY) -m mypy --strict -p sinew
	$(PY) -m mypy --strict examples tools

# pyright itself comes from npm (an npm comes along with basedpyright); without it the suite uses basedpyright alone.
pyright: $(VENV)/pyright/.made
$(VENV)/pyright/.made: $(VENV)/.extra-test
	$(PY) tools/npm.py install --silent --no-fund --no-audit --prefix $(VENV)/pyright pyright@1.1.414
	@touch $@

WARNINGS := -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Werror
PY_INCLUDE = $(shell $(PY) -c 'import sysconfig; print(sysconfig.get_path("include"))')
# Tables made by a tool are as it writes them.
C_FORMATTED = $(filter-out %/casefold.c,$(C_SOURCES) $(wildcard tests/engine/*.[ch] tests/engine/*/*.[ch]))

# Compiled, as many warnings come from the optimiser; with and without asserts, as each may leave a variable unused.
lint-c: $(VENV)/.extra-lint
	$(VENV)/bin/clang-format --dry-run -Werror $(C_FORMATTED)
	@set -e; for file in csrc/engine/*.c; do for mode in "-DNDEBUG" "-DSN_DEBUG -DSN_TINY"; do \
		$(CC) $(WARNINGS) -Wconversion -O2 $$mode -c -o /dev/null $$file; done; done
	@set -e; for file in csrc/binding/*.c; do for mode in "-DNDEBUG" "-DSN_DEBUG"; do \
		$(CC) $(WARNINGS) -O2 -fPIC $$mode -isystem $(PY_INCLUDE) -c -o /dev/null $$file; done; done
	$(PY) tools/function_sizes.py --limit 75 --longest 3

# ---------------------------------------------------------------- proof

analyze: $(VENV)/.made
	$(PY) tools/analyze.py $(ARGS)

engine-tests:
	$(MAKE) --no-print-directory -C tests/engine test
	$(MAKE) --no-print-directory -C tests/engine tiny

fuzz-replay:
	$(MAKE) --no-print-directory -C tests/engine replay
	$(MAKE) --no-print-directory -C tests/engine replay TINY=1

# libFuzzer itself, with clang: FUZZ_SECONDS=n
fuzz:
	$(MAKE) --no-print-directory -C tests/engine fuzz

# Other builds of the extension, each in a folder of its own: .build/<name>/lib is a package path.
.build/debug/.built: export SINEW_DEBUG := 1
.build/tiny/.built: export SINEW_DEBUG := 1
.build/tiny/.built: export SINEW_TINY := 1
.build/asan/.built: export SINEW_SANITIZE := 1
.build/coverage/.built: export SINEW_COVERAGE := 1
.build/%/.built: $(VENV)/.made $(C_SOURCES) $(PY_SOURCES) $(BUILD_FILES)
	$(PY) setup.py --quiet build --build-base .build/$* --build-lib .build/$*/lib
	@touch $@

debug tiny: %: .build/%/.built $(VENV)/.extra-test
	PYTHONPATH=.build/$@/lib $(PY) $(PYTEST) $(CORE) $(ARGS)

# Memory, seen from Python: refused at each allocation; what each test leaves behind.
sweep: .build/debug/.built $(VENV)/.extra-test
	SINEW_SWEEP=whole PYTHONPATH=.build/debug/lib $(PY) $(PYTEST) -p no:cacheprovider tests/memory $(ARGS)

# Optimised and without walks of the store: what is counted here is the same, and each test runs several times.
leaks: .build/plain/.built $(VENV)/.extra-test
	SINEW_EXAMPLES=3 PYTHONPATH=.build/plain/lib:. $(PY) $(PYTEST) $(LEAN) -p tools.leaks $(ARGS)

# Interpreters that must be another one: built with asserts and counts of references; and, for valgrind, the system's, which
# its suppressions are for. Each has an environment of its own beside its build.
PYDEBUG ?= python3-dbg
SYSTEM_PYTHON ?= /usr/bin/python3
.build/pydebug/venv/.made: INTERPRETER = $(PYDEBUG)
.build/valgrind/venv/.made: INTERPRETER = $(SYSTEM_PYTHON)
.build/%/venv/.made:
	@command -v $(INTERPRETER) > /dev/null || \
		{ echo 'make $* needs $(INTERPRETER); on Debian: apt-get install python3-dbg python3-venv valgrind'; exit 1; }
	$(INTERPRETER) -m venv .build/$*/venv
	.build/$*/venv/bin/python -m pip --disable-pip-version-check install --quiet 'setuptools>=77' pytest hypothesis rich
	@touch $@

.build/pydebug/.built: export SINEW_DEBUG := 1
.build/valgrind/.built: export CFLAGS := -O1
.build/pydebug/.built .build/valgrind/.built: .build/%/.built: .build/%/venv/.made $(C_SOURCES) $(PY_SOURCES) $(BUILD_FILES)
	.build/$*/venv/bin/python setup.py --quiet build --build-base .build/$* --build-lib .build/$*/lib
	@touch $@

# An error that CPython loses for want of memory (tests/memory/interpreter.py) is a failed assert of this interpreter.
UNSWEPT := --ignore=tests/memory --ignore=tests/binding/test_memory.py --ignore=tests/binding/test_memory_queries.py
pydebug: .build/pydebug/.built
	PYTHONPATH=.build/pydebug/lib .build/$@/venv/bin/python $(PYTEST) $(CORE) $(UNSWEPT) $(ARGS)
	SINEW_EXAMPLES=3 PYTHONPATH=.build/pydebug/lib:. .build/$@/venv/bin/python $(PYTEST) $(LEAN) $(UNSWEPT) -p tools.leaks \
		$(or $(ARGS),tests/binding tests/getters)

valgrind: .build/valgrind/.built
	SINEW_EXAMPLES=3 PYTHONPATH=.build/valgrind/lib \
		$(PYTHON) tools/valgrind.py .build/$@/venv/bin/python $(PYTEST) $(LEAN) $(ARGS)

# The runtimes come first in the process, and Python takes its memory from malloc, or errors on the heap go unseen. Python
# itself leaks at exit by design.
RUNTIMES = $(shell $(CC) -print-file-name=libasan.so) $(shell $(CC) -print-file-name=libubsan.so)
asan: .build/asan/.built $(VENV)/.extra-test
	LD_PRELOAD="$(RUNTIMES)" PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 \
		UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=.build/asan/lib $(PY) $(PYTEST) $(CORE) $(ARGS)

# Counts of the core suite, the engine's C tests and the fuzzer's corpus (both also with tiny limits), added up: without
# optimisation, so that each branch is one of the source. The branches of an assert are not counted. Lines whose branches
# are missing: .build/coverage/report.txt; each branch: .build/coverage/html/index.html.
COUNTED := .build/coverage .build/engine/debug-coverage .build/engine/debug-tiny-coverage
.build/coverage/.built: export CFLAGS := -O0
coverage: coverage-run coverage-report
coverage-run: .build/coverage/.built $(VENV)/.extra-test
	find $(wildcard $(COUNTED)) -name '*.gcda' -delete
	$(MAKE) --no-print-directory -C tests/engine check replay COVERAGE=1
	$(MAKE) --no-print-directory -C tests/engine check replay COVERAGE=1 TINY=1
	PYTHONPATH=.build/coverage/lib $(PY) $(PYTEST) $(CORE) $(ARGS)
coverage-report: $(VENV)/.extra-prove
	@mkdir -p .build/coverage/html
	$(VENV)/bin/gcovr --root . --filter 'csrc/' --exclude-unreachable-branches --exclude-throw-branches \
		--exclude-branches-by-pattern '.*\bassert\(' --gcov-ignore-parse-errors --merge-mode-functions=separate \
		--txt-metric branch --txt .build/coverage/report.txt --txt-summary --html-details .build/coverage/html/index.html \
		--json .build/coverage/counts.json $(COUNTED)

# All builds first: proofs run side by side.
prove: build deps pyright $(VENV)/.extra-bench $(VENV)/.extra-prove $(patsubst %,.build/%/.built,debug plain tiny asan coverage)
	$(PY) tools/prove.py

dist: $(VENV)/.extra-test
	$(PY) -m build --no-isolation --outdir dist .

clean:
	rm -rf $(VENV) .build build dist python/sinew.egg-info python/sinew/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
