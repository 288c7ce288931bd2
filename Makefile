# Every target sets up what it needs first. See CONTRIBUTING.md.
PREFIX ?= /usr/local
BUILD ?= build/release
PRESET ?= release

.NOTPARALLEL:
.PHONY: all setup configure test-build demo check check-deep bench install tidy format clean

all: setup configure
	@cmake --build $(BUILD) --target tatara

# The program and all unit tests.
test-build: configure
	@cmake --build $(BUILD)

configure:
	@cmake --preset $(PRESET) > build/cmake.log 2>&1 || { cat build/cmake.log; exit 1; }

setup:
	@tools/setup.sh build

demo:
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory all
	@build/venv/bin/python tools/demo/main.py --tatara $(BUILD)/bin/tatara $(if $(END),--end $(END)) $(if $(KEEP),--keep)

check:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory test-build
	@python3 tools/check.py --build $(BUILD)

check-deep:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory test-build
	@python3 tools/check.py --build $(BUILD) --deep

bench:
	@tools/setup.sh bench
	@$(MAKE) --no-print-directory all
	@cmake -DTATARA_BENCH=ON $(BUILD) > build/cmake.log && cmake --build $(BUILD) --target rules_bench
	@build/venv-check/bin/python bench/bench.py --build $(BUILD) $(if $(QUICK),--quick)

install: all
	@cmake --install $(BUILD) --prefix $(PREFIX) > build/install.log || { cat build/install.log; exit 1; }
	@echo "installed $(PREFIX)/bin/tatara"

tidy:
	@tools/tidy

format:
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i

clean:
	@rm -rf build/release build/debug build/asan build/tsan
