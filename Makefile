# Everything from a fresh clone: `make test` or `make demo` sets up what is missing.
# Bun and Deno come from npm into .tools/, at exact versions; nothing is installed globally
# except Debian packages, and those only when they are missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUN_VERSION := 1.4.4
DENO_VERSION := 2.9.6

TOOLS := .tools/node_modules/.bin
BUN := $(TOOLS)/bun
DENO := $(TOOLS)/deno
export PATH := $(CURDIR)/$(TOOLS):$(CURDIR)/node_modules/.bin:$(PATH)

CC := cc
C_WARNINGS := -Wall -Wextra -Werror
C_COMMON := -std=c11 -g $(C_WARNINGS) -pthread
C_SOURCES := $(wildcard ffi/c/*.c)
C_HEADERS := $(wildcard ffi/c/*.h)
C_TEST_HEADERS := $(wildcard ffi/c/tests/*.h)
C_TESTS := $(wildcard ffi/c/tests/*_test.c)
C_BENCHES := $(wildcard bench/c/*.c)
C_BENCH_HEADERS := $(wildcard bench/c/*.h)
SHIM := build/libringwire-shm.so
# The major number of the ABI; also in ffi/library.ts's default soname.
SHIM_SONAME := libringwire-shm.so.1
EXECUTABLES := dist/ringwire-server dist/ringwire-client dist/ringwire-queue-worker

TS_SOURCES := $(shell find src ffi cmd -name '*.ts' 2>/dev/null)
FMT_FILES := src ffi cmd tests bench examples scripts docs \
	package.json deno.json tsconfig.json biome.json knip.json README.md CHANGELOG.md
FMT_PRESENT = $(wildcard $(FMT_FILES))

.PHONY: setup shim build check test torture fuzz model demo bench bench-packages fmt clean
.PHONY: check-fmt check-lint check-types check-imports check-tidy check-dead check-c

# --- setup

TOOLS_STAMP := .tools/bun-$(BUN_VERSION)-deno-$(DENO_VERSION).stamp
SYSTEM_STAMP := .tools/system.stamp
DEPENDENCIES_STAMP := node_modules/.ringwire.stamp

setup: $(DEPENDENCIES_STAMP) $(SYSTEM_STAMP)

# Newer npm versions do not run install scripts by themselves; these two only put the
# platform's binary in its place, so run exactly them and no others.
$(TOOLS_STAMP):
	@command -v npm >/dev/null || { echo "needs Node.js 20 or later with npm: install the packages nodejs and npm" >&2; exit 1; }
	mkdir -p .tools
	echo '{"private":true}' > .tools/package.json
	npm install --prefix .tools --ignore-scripts --no-save --no-package-lock --no-audit --no-fund --loglevel=error --fetch-timeout=60000 \
		bun@$(BUN_VERSION) deno@$(DENO_VERSION)
	node .tools/node_modules/bun/install.js
	node .tools/node_modules/deno/install.cjs
	test "$$($(BUN) --version)" = $(BUN_VERSION)
	[[ "$$($(DENO) --version)" == "deno $(DENO_VERSION) "* ]]
	touch $@

$(SYSTEM_STAMP): scripts/system_packages.sh
	mkdir -p .tools
	bash scripts/system_packages.sh
	touch $@

$(DEPENDENCIES_STAMP): $(TOOLS_STAMP) package.json bun.lock
	$(BUN) install --frozen-lockfile
	touch $@

# --- build

shim: $(SHIM)

$(SHIM): $(C_SOURCES) $(C_HEADERS) | $(SYSTEM_STAMP)
	@test -n "$(C_SOURCES)" || { echo "no sources in ffi/c" >&2; exit 1; }
	mkdir -p build
	$(CC) $(C_COMMON) -O3 -fPIC -shared -fvisibility=hidden -Wl,-z,nodelete -Wl,-soname,$(SHIM_SONAME) -Wl,-e,rwq_exec_entry \
		-o $@ $(C_SOURCES)

build: $(EXECUTABLES)

# ESM, because with the default format --bytecode writes this machine's paths into import.meta.url.
# No .env, bunfig.toml or tsconfig.json of the directory it is started in may change an executable.
$(EXECUTABLES): dist/ringwire-%: $(SHIM) $(TS_SOURCES) package.json | $(DEPENDENCIES_STAMP)
	mkdir -p dist
	$(BUN) build --compile --minify --bytecode --format=esm \
		--no-compile-autoload-dotenv --no-compile-autoload-bunfig \
		--outfile=$@ cmd/$*.ts

# --- check

check: check-fmt check-lint check-types check-imports check-tidy check-dead check-c

check-fmt: | $(DEPENDENCIES_STAMP)
	$(BUN) fmt --no-script --check $(FMT_PRESENT)

check-lint: | $(DEPENDENCIES_STAMP)
	biome lint --error-on-warnings .

check-types: $(SHIM) | $(DEPENDENCIES_STAMP)
	$(BUN) check --no-script
	$(DENO) check --quiet $(wildcard src/mod.ts src/queue/mod.ts src/transport/mod.ts src/wire/mod.ts ffi/*.ts ffi/ucp/*.ts tests/deno tests/contract tests/unit/ffi tests/unit/routes tests/unit/support tests/unit/transport tests/unit/ucx tests/unit/wire)

check-imports: | $(DEPENDENCIES_STAMP)
	$(BUN) scripts/import_directions.ts

check-tidy: | $(DEPENDENCIES_STAMP)
	$(BUN) scripts/tidy.ts

check-dead: | $(DEPENDENCIES_STAMP)
	knip --no-progress

# Each header must stand alone, and every source must compile without optimisation too.
check-c: | $(SYSTEM_STAMP)
	for file in $(C_SOURCES) $(C_TESTS) $(C_HEADERS) $(C_BENCHES) $(C_BENCH_HEADERS); do $(CC) $(C_COMMON) -Iffi/c -Wno-unused -x c -fsyntax-only $$file; done

# --- test

# The shim once per variant, as one relocatable object; a test may still replace a function of libc beneath it.
ASAN := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# Several handles in one process share one mapping there: through two the sanitizer would see no race.
TSAN := -O1 -fno-omit-frame-pointer -fsanitize=thread -DRW_TEST_SHARED_MAPPING
CRASH := -O1 -DRW_CRASH_POINTS
# As it is shipped, for tests that go through it instruction by instruction, or race two processors in it.
RELEASE := -O3 -fPIC -fvisibility=hidden -Wl,-z,now

define c_test_variant
build/$(1)/shim.o: $$(C_SOURCES) $$(C_HEADERS) Makefile | $$(SYSTEM_STAMP)
	mkdir -p $$(@D)
	$$(CC) $$(C_COMMON) $(2) -r -nostdlib -o $$@ $$(C_SOURCES)

build/$(1)/%: ffi/c/tests/%.c build/$(1)/shim.o $$(C_TEST_HEADERS)
	$$(CC) $$(C_COMMON) $(2) -Iffi/c -o $$@ $$< build/$(1)/shim.o
endef
$(eval $(call c_test_variant,asan,$(ASAN)))
$(eval $(call c_test_variant,tsan,$(TSAN)))
$(eval $(call c_test_variant,crash,$(CRASH)))
$(eval $(call c_test_variant,release,$(RELEASE)))

# Deliberate bugs of the library, each an edit of one source file: a test that passes must fail with them. Those of a program in C
# come before the functions of the shim there; mutants/torture_test/ is made into libraries too, for trials in JavaScript.
MUTANTS := ffi/c/tests/mutants
mutate = file=ffi/c/$$(sed -n '1s/^\# \([a-z_]*\.c\): .*/\1/p' $<); sed -f $< $$file > $@.c; \
	if cmp -s $$file $@.c; then echo "$<: what it changes is not in $$file any more" >&2; exit 1; fi

define c_test_mutants
build/mutants/$(1)/%: $$(MUTANTS)/$(1)/%.sed ffi/c/tests/$(1).c build/$(2)/shim.o $$(C_TEST_HEADERS)
	mkdir -p $$(@D)
	$$(mutate)
	$$(CC) $$(C_COMMON) $(3) -Iffi/c -Wl,-z,muldefs -o $$@ ffi/c/tests/$(1).c $$@.c build/$(2)/shim.o

build/$(2)/$(1): $$(patsubst $$(MUTANTS)/%.sed,build/mutants/%,$$(wildcard $$(MUTANTS)/$(1)/*.sed))
endef
$(eval $(call c_test_mutants,instruction_kill_test,release,$(RELEASE)))
$(eval $(call c_test_mutants,stop_crash_test,crash,$(CRASH)))
$(eval $(call c_test_mutants,torture_test,asan,$(ASAN)))
$(eval $(call c_test_mutants,drops_crash_test,crash,$(CRASH)))
$(eval $(call c_test_mutants,power_cut_test,asan,$(ASAN)))
$(eval $(call c_test_mutants,power_cut_modes_test,asan,$(ASAN)))

build/mutants/libraries/%.so: $(MUTANTS)/torture_test/%.sed build/release/shim.o
	mkdir -p $(@D)
	$(mutate)
	$(CC) $(C_COMMON) $(RELEASE) -shared -Wl,-z,nodelete -Wl,-z,muldefs -Wl,-soname,$(SHIM_SONAME) -Iffi/c -o $@ $@.c build/release/shim.o

# Shells that completion is tested in; where they cannot be had, the summary names the tests that were left out.
SHELLS_STAMP := .tools/test-shells.stamp

$(SHELLS_STAMP): scripts/test_shells.sh
	mkdir -p .tools
	bash scripts/test_shells.sh
	touch $@

test: setup build $(SHELLS_STAMP)
	@$(BUN) scripts/run_tests.ts

# What `make test` shows with samples, at full size: the better part of an hour. It ends with the figures.
torture: setup build
	@$(BUN) scripts/run_torture.ts

# Everything, exhaustively: minutes. `make test` has the small configurations and all the deliberate mistakes.
model: setup
	@$(BUN) scripts/run_model.ts

# Half of the time each: scripts with a segment of their own, and with others at work on it. What is found is written to build/fuzz/; in ffi/c/tests/corruption_inputs/ `make test` replays it ever after.
FUZZ_SECONDS := 60
FUZZ_KEPT := ffi/c/tests/corruption_inputs

build/fuzz/corruption_fuzz: ffi/c/tests/corruption_fuzz.c $(C_SOURCES) $(C_HEADERS) $(C_TEST_HEADERS) Makefile
	mkdir -p $(@D)
	clang $(C_COMMON) -Wno-unknown-attributes -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Iffi/c -o $@ $< $(C_SOURCES)

fuzz:
	@bash scripts/fuzz_packages.sh
	@$(MAKE) --no-print-directory --silent build/fuzz/corruption_fuzz
	@mkdir -p build/fuzz/corpus
	@for company in "" RINGWIRE_FUZZ_COMPANY=1; do env $$company build/fuzz/corruption_fuzz -max_total_time=$$(($(FUZZ_SECONDS) / 2 + 1)) -timeout=20 -max_len=4096 -len_control=0 -print_final_stats=1 -artifact_prefix=build/fuzz/ build/fuzz/corpus $(FUZZ_KEPT); done

# --- bench

# The soname is what a linked program looks for, so the shim needs to be found under that name too.
build/bench/$(SHIM_SONAME): $(SHIM)
	mkdir -p $(@D)
	ln -sf ../$(notdir $(SHIM)) $@

build/bench/%: bench/c/%.c $(C_BENCH_HEADERS) build/bench/$(SHIM_SONAME) | $(SYSTEM_STAMP)
	$(CC) $(C_COMMON) -O2 -o $@ $< $(SHIM) -Wl,-rpath,'$$ORIGIN' $(LIBRARIES)

build/bench/ucx_limits: LIBRARIES := -lucp -lucs

# Clients of the peers, which the product does not need. Without them the benches name what they leave out.
PEER_CLIENTS := bench/peers/node_modules/.ringwire.stamp
# For Node: the client of ZeroMQ crashes in Bun, and Bun has something of its own in place of ws.
PEER_PROGRAMS := $(patsubst %,bench/peers/build/%_program.js,zeromq wire_peer)

$(PEER_CLIENTS): bench/peers/package.json bench/peers/bun.lock | $(DEPENDENCIES_STAMP)
	cd bench/peers && $(abspath $(BUN)) install --frozen-lockfile --ignore-scripts && touch $(abspath $@) || \
		echo "the clients in bench/peers could not be installed" >&2

$(PEER_PROGRAMS): bench/peers/build/%.js: bench/programs/%.ts $(wildcard bench/programs/*.ts bench/peers/*.ts) | $(DEPENDENCIES_STAMP)
	$(BUN) build --target=node --packages=external --outdir=$(@D) $<

bench-packages:
	@bash scripts/bench_packages.sh

# --- run

demo: setup build
	@$(BUN) examples/demo.ts

bench: setup build bench-packages $(PEER_CLIENTS) $(PEER_PROGRAMS) $(C_BENCHES:bench/c/%.c=build/bench/%)
	@$(BUN) bench/run.ts

fmt: | $(DEPENDENCIES_STAMP)
	$(BUN) fmt --no-script $(FMT_PRESENT)

# The tools stay: fetching them again takes longer than everything else.
clean:
	rm -rf build dist bench/peers/build
