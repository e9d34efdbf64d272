# gameday: everything a developer or CI runs. `make help` lists it.
SHELL := /bin/bash
GO ?= go
BIN := bin/gameday
CACHE := $(CURDIR)/.cache
STATICCHECK_VERSION := v0.8.2
# The end-to-end tests come last and alone: they judge a real system by its latency, and run the binary that users get.
# Those that judge run one by one; only then do those that kill and abort, three at a time.
TESTFLAGS ?= -race -timeout 15m
FUZZTIME ?= 20s
BENCHTIME ?= 1s

.PHONY: help build demo test lint bench bench-load fuzz golden picture check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build the one binary
	$(GO) build -trimpath -o $(BIN) ./cmd/gameday

demo: build ## build, then open the cockpit on the embedded shop
	./$(BIN) demo

test: ## every test: race detector on, golden screens, end to end in a pseudo-terminal
	$(GO) test $(TESTFLAGS) $$($(GO) list ./... | grep -v /e2e$$)
	$(GO) test -timeout 15m -parallel 3 ./cmd/gameday/e2e

lint: $(CACHE)/bin/staticcheck ## gofmt, vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed: $$out"; exit 1; fi
	$(GO) vet ./...
	$(CACHE)/bin/staticcheck ./...

$(CACHE)/bin/staticcheck:
	GOBIN=$(CACHE)/bin $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

bench: build ## the benchmarks behind README's table
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./sources/... ./chaos/... ./engine/... ./tui/... ./cmd/...

bench-load: $(CACHE)/bin/vegeta $(CACHE)/bin/hey ## the load engine beside wrk, vegeta and hey, as one Markdown table (wrk from the system's packages)
	$(GO) build -trimpath -o $(CACHE)/bin/bench-load ./engine/load/bench
	$(CACHE)/bin/bench-load -bin $(CACHE)/bin $(BENCHLOADFLAGS)

$(CACHE)/bin/vegeta:
	GOBIN=$(CACHE)/bin $(GO) install github.com/tsenart/vegeta/v12@v12.13.0

$(CACHE)/bin/hey:
	GOBIN=$(CACHE)/bin $(GO) install github.com/rakyll/hey@v0.1.5

fuzz: ## every fuzz target for FUZZTIME each
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

golden: ## write the golden screens anew; look at the diff before committing
	$(GO) test ./tui/... -update

picture: ## draw README's picture from a real run
	GAMEDAY_PICTURE=docs/cockpit.svg $(GO) test -count=1 -run '^TestStory$$' ./cmd/gameday/e2e

check: lint test ## what CI runs

clean: ## remove what was built
	rm -rf bin $(CACHE)
