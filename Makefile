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
SANITIZE := -fsanitize=address,undefined -fno-omit-frame-pointer -g

.PHONY: all native native-sanitized toolchain check test test-unit test-privileged test-e2e test-long bench hello clean format

all: dist/berth

toolchain: node_modules/.package-lock.json
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

native: dist/native/berth-shim dist/native/berth-kernel dist/native/hello

dist/native/berth-shim: $(LIB_SOURCES) $(INIT_SOURCES) $(SHIM_SOURCES) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_STRICT) -ffunction-sections -fdata-sections $(filter %.c,$^) -o $@ $(LDFLAGS_STATIC)
	strip $@

dist/native/berth-kernel: $(LIB_SOURCES) $(KERNEL_SOURCES) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_STRICT) -ffunction-sections -fdata-sections $(filter %.c,$^) -o $@ $(LDFLAGS_STATIC)
	strip $@
