# A menu. The work is done by meson.build and the scripts in tools/.

BUILD  ?= build
PREFIX ?= /usr/local
IMAGE  ?= yett

.PHONY: build deps run check test test-e2e test-endurance test-deploy test-cluster cluster bench bench-cluster fuzz lint format image install clean help

build: $(BUILD)/build.ninja                 ## build/yett: -O2, LTO, hardened
	ninja -C $(BUILD) yett

$(BUILD)/build.ninja:
	meson setup $(BUILD) --buildtype=debugoptimized -Db_lto=true --prefix=$(PREFIX)

deps:                                       ## what is needed to build and test, where it is missing
	tools/deps.sh test

run:                                        ## the example on 127.0.0.1:8080, until Ctrl-C
	tools/deps.sh build
	$(MAKE) --no-print-directory build
	tools/run-example.sh $(BUILD)/yett

check:                                      ## lint; unit, loopback, golden tests, fuzz seeds
	tools/deps.sh test
	tools/test.sh check

test:                                       ## check, release and clang builds, end-to-end, deploy and cluster tests
	tools/deps.sh test
	tools/test.sh all

test-endurance: build                       ## 10,000 WebSockets and 1,000 gRPC streams through 1,000 changes; one idle for 10 minutes
	tools/deps.sh test
	tools/test.sh endurance $(BUILD)

test-e2e:                                   ## the end-to-end tests alone, with the release build
	tools/deps.sh test
	tools/test.sh e2e

test-cluster:                               ## the tests in a real cluster alone, with the release build
	tools/deps.sh test
	tools/test.sh cluster

cluster: build                              ## a Kubernetes on this machine with yett in it, until Ctrl-C
	tools/deps.sh test
	tools/build-cluster.sh
	tools/image.sh $(BUILD)/yett $(BUILD) yett
	build-cluster/cluster up --yett $(BUILD)/yett --image $(BUILD)/image

image:                                      ## an OCI image in build/image and build/image.tar; IMAGE=NAME[:TAG]
	tools/deps.sh build
	$(MAKE) --no-print-directory build
	tools/image.sh $(BUILD)/yett $(BUILD) $(IMAGE)

test-deploy:                                ## the tests of the image and of deploy/ alone
	tools/deps.sh test
	tools/test.sh deploy

bench: build                                ## against nginx and HAProxy on this machine
	tools/deps.sh bench
	bench/run

bench-cluster: build                        ## 10,000 Ingresses in a real cluster; YETT_SCALE=N for another number
	tools/deps.sh test
	tools/build-cluster.sh
	cd test/cluster && CGO_ENABLED=0 $$(../../tools/go.sh) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./scale/

fuzz:                                       ## each parser for 60 seconds; SECONDS=N for another time
	tools/deps.sh test
	tools/fuzz.sh $(or $(SECONDS),60)

lint:                                       ## format, rooms, banned calls, links
	tools/lint.sh

format:                                     ## rewrite the sources as clang-format and gofmt say
	tools/sources.sh | xargs clang-format -i
	"$$($$(tools/go.sh) env GOROOT)/bin/gofmt" -w test bench

install: build                              ## to $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 -s $(BUILD)/yett $(DESTDIR)$(PREFIX)/bin/yett

clean:                                      ## the builds, not what make deps fetched
	rm -rf $(BUILD) build-asan build-clang build-cluster

help:                                       ## this menu
	@awk -F ':.*## ' '/^[a-z][a-z0-9 -]*:.*## / { printf "  make %-26s %s\n", $$1, $$2 }' Makefile
