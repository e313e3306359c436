# berth: `make` builds dist/berth; `make hello` runs a first container; `make test` runs what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

CC ?= cc
CFLAGS_STRICT := -std=gnu17 -O2 -Wall -Wextra -Werror -Wno-unused-result -Inative/include -Inative/lib -Inative/init -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
LDFLAGS_STATIC := -static -Wl,--gc-sections -Wl,-z,noexecstack
BUN := node_modules/.bin/bun

LIB_SOURCES := $(wildcard native/lib/*.c)
INIT_SOURCES := $(wildcard native/init/*.c)
SHIM_SOURCES := $(wildcard native/shim/*.c)
KERNEL_SOURCES := $(wildcard native/kernel/*.c)
HEADERS := $(wildcard native/*/*.h)

.PHONY: all native toolchain check test test-privileged test-e2e test-long bench hello clean format

all: dist/berth

toolchain: node_modules/.package-lock.json
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

NATIVE := dist/native/berth-shim dist/native/berth-kernel dist/native/hello
native: $(NATIVE)

dist/native/berth-shim: $(LIB_SOURCES) $(INIT_SOURCES) $(SHIM_SOURCES) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_STRICT) -ffunction-sections -fdata-sections $(filter %.c,$^) -o $@ $(LDFLAGS_STATIC)
	strip $@

dist/native/berth-kernel: $(LIB_SOURCES) $(KERNEL_SOURCES) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_STRICT) -ffunction-sections -fdata-sections $(filter %.c,$^) -o $@ $(LDFLAGS_STATIC)
	strip $@

dist/native/hello: native/hello/hello.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -Wl,--build-id=none $< -o $@
	strip $@

dist/native/floor: bench/floor.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -static $< -o $@

VERSION := $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
SOURCES := $(shell find src -name '*.ts' -not -name '*.test.ts')

dist/berth: Makefile node_modules/.package-lock.json $(NATIVE) $(SOURCES)
	# Without the autoloads: a program that root runs anywhere must not read the settings of the directory it is run in.
	# Split: a command line loads none of the daemon's code.
	# Written again in large pieces, as a package manager would: the page cache then holds it in large folios, which the kernel
	# maps with fewer faults. That is a quarter of the time that a command takes to start.
	$(BUN) build --compile --bytecode --minify --splitting --format=esm src/main/cli.ts --outfile $@.built \
	  --no-compile-autoload-bunfig --no-compile-autoload-dotenv \
	  --define BERTH_VERSION='"$(VERSION)"' --define BERTH_COMMIT='"$(COMMIT)"' \
	  --define BERTH_BUILD_TIME='"'$$(date -u +%Y-%m-%dT%H:%M:%SZ)'"' >/dev/null
	@rm -f .*.bun-build
	@dd if=$@.built of=$@.whole bs=4M status=none
	@chmod 755 $@.whole
	@rm -f $@.built
	@mv $@.whole $@

format: toolchain
	node_modules/.bin/biome check --write .

# No root, no network, a few seconds. The native files are built since the types of their imports are checked with them.
check: toolchain native
	node_modules/.bin/biome check --error-on-warnings .
	node_modules/.bin/tsc --noEmit
	$(BUN) test src test/architecture.test.ts

test-privileged: dist/berth
	scripts/install-test-packages.sh
	$(BUN) test --timeout 60000 test/privileged

test-e2e: dist/berth
	scripts/install-test-packages.sh
	$(BUN) test --timeout 120000 test/e2e

# All that CI runs.
test: check test-privileged test-e2e

# The same with the native programs built with ASan and UBSan, and with many more rounds of killing the daemon at random
# moments; some minutes longer.
test-long: test
	BERTH_SHIM_SANITIZE=1 $(BUN) test --timeout 120000 test/privileged/shim
	BERTH_KERNEL_SANITIZE=1 $(BUN) test --timeout 120000 test/privileged/kernel
	BERTH_FUZZ_ROUNDS=60 $(BUN) test --timeout 1200000 test/e2e/crash-fuzz.test.ts
	BERTH_FUZZ_ROUNDS=20 $(BUN) test --timeout 1200000 test/e2e/registry-interrupted.test.ts test/privileged/store/crash.test.ts
	BERTH_CRASH_ROUNDS=40 $(BUN) test --timeout 1200000 test/e2e/prune-crash.test.ts

bench: dist/berth dist/native/floor
	$(BUN) bench/main.ts

hello: dist/berth
	scripts/hello.sh

clean:
	rm -rf dist
