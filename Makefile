# Makefile - the few commands a person needs. `make` lists them.
#
# A fresh machine needs node, npm, a C++ compiler, make and (to mount) root. Nothing else is downloaded but the npm
# packages of package-lock.json and, for the tests, Debian packages.

PREFIX  ?= /usr/local
DESTDIR ?=
VARIANT ?= release
JOBS    ?= $(shell nproc)
LIBDIR  := $(DESTDIR)$(PREFIX)/lib/unionfs
# Where mount(8) looks for its helpers.
SBINDIR ?= /sbin
# STAND_IN=1: also under the name fuse-overlayfs, which container engines look for in PATH.
STAND_IN ?=

.PHONY: help build native ts demo test test-addon lint docs soak fuzz bench install uninstall format clean test-deps
help:
	@echo 'make build    the command, at dist/bin/unionfs'
	@echo 'make demo     builds, mounts a sample stack, changes it, shows what happened (root)'
	@echo 'make test     everything that is checked before a change lands (root)'
	@echo 'make install  PREFIX=/usr/local DESTDIR= SBINDIR=/sbin STAND_IN= (1: also as fuse-overlayfs)'
	@echo 'make lint | docs | fuzz | soak | bench | format | clean'

build: native ts

# npm writes node_modules/.package-lock.json; one older than our lock file means another set of packages.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

native: node_modules/.package-lock.json
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) -C native addon launch

# The command is put into one CommonJS file, with what V8 makes of it beside: node finds, reads, links and compiles ES modules
# one by one, and a mount waits for that. From dist/bin/program the addon and package.json are found at the same distance
# as from dist/src/ROOM. What a mount does not need at its start stays outside.
ts: node_modules/.package-lock.json
	node_modules/.bin/tsc -p tsconfig.json
	@rm -rf dist/bin/program
	@node_modules/.bin/esbuild dist/src/cli/main.js --bundle --format=cjs --platform=node --target=node20 \
	  --supported:dynamic-import=false --external:level --external:xxhash-wasm --external:fuse-native \
	  --outfile=dist/bin/program/program.cjs --log-level=warning \
	  --define:import.meta.url=ownUrl --banner:js='const ownUrl = require("node:url").pathToFileURL(__filename).href'
	@cp dist/src/cli/start.cjs dist/bin/program/main.cjs
	@node dist/scripts/cache-program.js

demo: build
	@sh scripts/demo

test-deps:
	@sh scripts/install-test-deps.sh

lint: build
	@node dist/scripts/run-tests.js lint

# What the tests themselves are built from: an addon with the system calls Node does not have.
test-addon: node_modules/.package-lock.json
	@$(MAKE) --no-print-directory -s -C test

test: test-deps build test-addon
	@node dist/scripts/run-tests.js

docs: ts
	@node dist/scripts/gen-cli-docs.js

soak: test-deps build
	@sh scripts/stress/run

bench: test-deps build
	@sh scripts/bench/run $(BENCH_ARGS)

fuzz: node_modules/.package-lock.json
	@$(MAKE) --no-print-directory -C native fuzz
	@sh scripts/fuzz $(FUZZ_SECONDS)

# A name in a directory of all is taken, and taken away, only where nobody has it or it is ours already.
OURS = $(PREFIX)/lib/unionfs/* | ../lib/unionfs/*
COMMAND := $(DESTDIR)$(PREFIX)/bin/unionfs
HELPER := $(DESTDIR)$(SBINDIR)/mount.unionfs
STAND_IN_NAME := $(DESTDIR)$(PREFIX)/bin/fuse-overlayfs

install: build
	@for name in $(COMMAND) $(HELPER) $(if $(STAND_IN),$(STAND_IN_NAME)); do \
	  case "$$(readlink "$$name")" in $(OURS)) continue;; esac; \
	  if [ -e "$$name" ] || [ -L "$$name" ]; then \
	    echo "make install: $$name is there and not ours (dpkg -S tells whose); remove it, or choose another PREFIX or SBINDIR" >&2; exit 1; \
	  fi; \
	done
	rm -rf $(LIBDIR)
	install -d $(LIBDIR)/dist $(DESTDIR)$(PREFIX)/bin
	install -m 644 package.json LICENSE $(LIBDIR)
	cp -R dist/bin dist/native dist/src $(LIBDIR)/dist
	npm ls --omit=dev --all --parseable | sed -n 's|^$(CURDIR)/||p' | tar -cf - -T - | tar -xf - -C $(LIBDIR)
	ln -sfn ../lib/unionfs/dist/bin/unionfs $(COMMAND)
	install -d $(DESTDIR)$(SBINDIR)
	ln -sfn $(PREFIX)/lib/unionfs/dist/bin/unionfs $(HELPER)
	$(if $(STAND_IN),ln -sfn ../lib/unionfs/dist/bin/unionfs $(STAND_IN_NAME))

uninstall:
	@for name in $(COMMAND) $(HELPER) $(STAND_IN_NAME); do \
	  case "$$(readlink "$$name")" in $(OURS)) rm -f "$$name";; esac; \
	done
	rm -rf $(LIBDIR)

format:
	clang-format -i $(wildcard native/*/*.cc native/*/*.h)

clean:
	rm -rf build dist
