# gameday: everything a developer or CI runs. `make help` lists it.
SHELL := /bin/bash
GO ?= go
BIN := bin/gameday
CACHE := $(CURDIR)/.cache
# Servers that take minutes to build are kept for all checkouts of a user.
SERVERS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gameday-testservers
STATICCHECK_VERSION := v0.8.2
# The end-to-end tests come last and alone: they judge a real system by its latency, and run the binary that users get.
# Those that judge run one by one; only then do those that kill and abort, three at a time.
TESTFLAGS ?= -race -timeout 15m
# Tests that have the go tool look at or build this module: go test cannot know that their answer has changed, and would
# give the one it remembers.
UNCACHED := gameday/cmd$$|/leaktest$$|/e2e$$
FUZZTIME ?= 20s
BENCHTIME ?= 1s

.PHONY: help build demo test test-integration test-loki test-jaeger test-collector test-tools lint bench bench-load bench-grpc bench-proxy leak-test soak fuzz golden picture check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build the one binary
	$(GO) build -trimpath -o $(BIN) ./cmd/gameday

demo: build ## build, then open the cockpit on the embedded shop
	./$(BIN) demo

# What tests against real systems need beside Go: the program that is looked for, and Debian's package that has it. Where
# they cannot be installed those tests skip and say so.
TEST_TOOLS := zsh=zsh fish=fish /usr/lib/postgresql=postgresql mariadbd=mariadb-server-core redis-server=redis-server prometheus=prometheus prometheus-alertmanager=prometheus-alertmanager \
	dockerd=docker.io strace=strace ip=iproute2 tc=iproute2 logrotate=logrotate nft=nftables ssh-keygen=openssh-client

test-tools: ## install the servers that tests run (Debian, as root; skipped elsewhere)
	@missing=; for t in $(TEST_TOOLS); do p=$${t%%=*}; [ -e "$$p" ] || PATH=$$PATH:/usr/sbin:/sbin command -v "$$p" >/dev/null || missing="$$missing $${t#*=}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing for the tests:$$missing"; \
	    { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >$(CACHE)/apt.log 2>&1 || echo "could not install them (see $(CACHE)/apt.log); tests that need them skip"; \
	  else echo "not installed:$$missing; tests that need them skip"; fi; fi

test: $(CACHE)/made test-tools ## every test: race detector on, golden screens, end to end in a pseudo-terminal
	$(GO) test $(TESTFLAGS) $$($(GO) list ./... | grep -vE '$(UNCACHED)')
	$(GO) test -count=1 $(TESTFLAGS) $$($(GO) list ./... | grep -E '$(UNCACHED)' | grep -v /e2e$$)
	$(GO) test -count=1 -timeout 15m -parallel 3 ./cmd/gameday/e2e

test-integration: test-jaeger test-loki test-collector ## tests against servers that take minutes to build (once)

test-jaeger: $(SERVERS)/jaeger
	$(GO) test -count=1 -timeout 10m -run Real ./sources/jaeger

# The last version 1 of Jaeger, whose receiver of OTLP is the OpenTelemetry collector's (v0.140). It is only run, by tests.
$(SERVERS)/jaeger:
	cd sources/jaeger/testserver && GOFLAGS=-mod=mod GOWORK=off $(GO) build -trimpath -o $@ github.com/jaegertracing/jaeger/cmd/all-in-one

test-collector: $(SERVERS)/collector
	$(GO) test -count=1 -timeout 10m -run Real ./sources/otlp

# A collector (v0.140) of the parts that the tests of OTLP need.
$(SERVERS)/collector:
	cd sources/otlp/testserver && GOFLAGS=-mod=mod GOWORK=off $(GO) build -trimpath -o $@ .

test-loki: $(SERVERS)/loki
	$(GO) test -count=1 -timeout 10m -run Real ./sources/loki

# Loki 2.2.1 is its last release under the Apache licence; it is only run, as a server, by tests.
$(SERVERS)/loki:
	cd sources/loki/testserver && GOFLAGS=-mod=mod GOWORK=off $(GO) build -o $@ github.com/grafana/loki/cmd/loki

soak: ## a simulated day (GAMEDAY_SOAK) in which every source's system fails at random; GAMEDAY_SEED repeats one
	GAMEDAY_SOAK=$${GAMEDAY_SOAK:-24h} $(GO) test -count=1 -timeout 30m -v -run '^TestADayOfFailures$$' ./engine

lint: $(CACHE)/bin/staticcheck ## gofmt, vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed: $$out"; exit 1; fi
	$(GO) vet ./...
	$(CACHE)/bin/staticcheck ./...

$(CACHE)/made:
	@mkdir -p $(CACHE) && touch $@

$(CACHE)/bin/staticcheck:
	GOBIN=$(CACHE)/bin $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

bench: build ## the benchmarks behind README's table
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./sources/... ./chaos/... ./engine/... ./tui/... ./cmd/...

bench-load: $(CACHE)/bin/vegeta $(CACHE)/bin/hey $(CACHE)/bin/k6 $(CACHE)/bin/fortio ## the load engine beside its peers, as one Markdown table (wrk and ab from the system's packages)
	$(GO) build -trimpath -o $(CACHE)/bin/bench-load ./engine/load/bench
	$(CACHE)/bin/bench-load -bin $(CACHE)/bin $(BENCHLOADFLAGS)

$(CACHE)/bin/vegeta:
	GOBIN=$(CACHE)/bin $(GO) install github.com/tsenart/vegeta/v12@v12.13.0

$(CACHE)/bin/hey:
	GOBIN=$(CACHE)/bin $(GO) install github.com/rakyll/hey@v0.1.5

$(CACHE)/bin/k6:
	GOBIN=$(CACHE)/bin $(GO) install go.k6.io/k6@v1.8.1

$(CACHE)/bin/fortio:
	GOBIN=$(CACHE)/bin $(GO) install fortio.org/fortio@v1.66.0

bench-grpc: $(CACHE)/bin/ghz ## HTTP/2 and gRPC beside h2load (from the system's packages), grpc-go and ghz
	$(GO) run ./engine/load/grpc/bench -bin $(CACHE)/bin $(BENCHGRPCFLAGS)

$(CACHE)/bin/ghz:
	GOBIN=$(CACHE)/bin $(GO) install github.com/bojand/ghz/cmd/ghz@v0.93.0

bench-proxy: $(CACHE)/bin/toxiproxy-server ## the proxy of faults beside Toxiproxy and a bare one
	$(GO) run ./chaos/proxy/bench -toxiproxy $<

$(CACHE)/bin/toxiproxy-server:
	GOBIN=$(CACHE)/bin $(GO) install github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0 && mv $(CACHE)/bin/server $@

leak-test: ## kill gameday, its keeper and its recovery some 500 times, at every boundary of every fault; needs root for most of them
	GAMEDAY_KILLS=430 $(GO) test -count=1 -timeout 30m -v -run Kill ./chaos/leaktest

fuzz: ## every fuzz target for FUZZTIME each
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

golden: ## write the golden screens anew; look at the diff before committing
	$(GO) test ./tui/... -update
	$(GO) test ./cmd/gameday -run '^TestReplayLooksTheSame$$' -update
	$(GO) run ./cmd/gameday keys --markdown >docs/keys.md

picture: build ## draw README's picture from the recorded session that the tests replay
	TZ=UTC ./$(BIN) snapshot --replay testdata/recordings/payment-slow.gameday --at 57s --keys "ctrl+l ctrl+j enter" --size 120x35 --format svg -o docs/cockpit.svg

check: lint test ## what CI runs

clean: ## remove what was built
	rm -rf bin $(CACHE)
