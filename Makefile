# SPDX-License-Identifier: Apache-2.0

# What each target needs is installed by .ci/need as root on Debian; otherwise
# it names what is missing and stops.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@latest
TARGETS := mipsle mips arm arm64 amd64

# Without inlining the binary is a tenth smaller; a run is bound by netlink. The
# garbage collector that is the default since Go 1.26 adds 7 kB as xz and gains
# nothing: a run ends before there is much to collect. So the older one is linked.
# As much are the second copies of what makes slices, on the stack: variablemakethreshold=0
# has them on the heap always, as before Go 1.25. Functions that begin at multiples of 16
# bytes are 41 kB more as they are and 1.5 kB less as xz. All three names are those of
# this release. What git knows is left out, so that an archive of the source and a clone,
# before its tag and after it, give the same bytes.
export CGO_ENABLED := 0
ifneq ($(findstring go1.26,$(shell go env GOVERSION)),)
LEAN := GOEXPERIMENT=nogreenteagc
COMPILE := all=-l -d=variablemakethreshold=0
ALIGN := -funcalign=16
else
COMPILE := all=-l
endif
LINK := -s -w -buildid= $(ALIGN) -X main.version=$(VERSION)
SMALL = -trimpath -buildvcs=false -gcflags='$(COMPILE)' -ldflags='$(LINK)'

.PHONY: help build demo test test32 kernels e2e luci pictures prove lint vuln fuzz bench bench-mipsle cross size weigh man ipk-root packages release clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: bin/mptcpctl ## build bin/mptcpctl

# Benchmarks build it somewhere else, as it is shipped: OUT names the file.
OUT ?= bin/mptcpctl
bin/mptcpctl: FORCE
	$(LEAN) go build $(SMALL) -o $(OUT) ./cmd/mptcpctl

bin/mptcplab: FORCE
	go build -trimpath -o $@ ./cmd/mptcplab

FORCE:

demo: build bin/mptcplab ## two lines, one pulled and plugged in again, on this machine's kernel
	@.ci/need ip userns
	@PATH="$(CURDIR)/bin:$$PATH" bin/mptcplab demo --hooks hotplug/iface

# Most of them wait for the kernel most of the time.
PARALLEL ?= 6
test: ## all tests, on the real kernel in network namespaces
	@.ci/need ip busybox git time setpriv bash openvpn haproxy mptcpize nft openssl tun userns
	go test -parallel $(PARALLEL) -timeout 15m ./...

# Most routers have 32 bits. The kernel runs programs for 386 on amd64 as it is.
test32: ## the tests of the packages as a program of 32 bits
	@.ci/need ip busybox nft setpriv tun userns
	GOARCH=386 go test -timeout 15m ./pkg/...

# The kernels are Debian's, and the machines emulated, without KVM. KERNELS names some
# of .ci/kernels.table.
KERNELS ?=
kernels: ## tests on other kernels, 20 minutes; KERNELS='6.1 no-diag' for some
	@.ci/need ip ss nft setpriv dash unshare depmod qemu-system-x86_64 qemu-system-mipsel xz
	.ci/kernels $(KERNELS)

# Tests that start other programs of a whole system have a short form, which "make
# test" runs, and with E2E in the environment the long one.
e2e: luci ## the server under systemd and its like, the Debian package by dpkg, a release made twice, as root; luci
	@.ci/need root ip nsenter sysctl supervisors mmdebstrap debian
	@$(MAKE) --no-print-directory man
	E2E=$(CURDIR)/dist/tools/supervisors MAN_DIR=$(CURDIR)/dist/man go test -count=1 -v -timeout 20m -run '^Test(Supervised|Sandbox|PackagesAreReproducible)' ./openwrt/...

# The pages run in a runtime of the tests' own, or in LuCI's modules where LUCI names a
# checkout of LuCI. With PICTURES they write what is seen there into that directory.
LUCI ?=
PICTURES ?=
luci: ## the LuCI page in Debian's Chromium; LUCI=DIR with LuCI's own modules
	@.ci/need ip userns chromium-headless-shell
	LUCI=$(abspath $(LUCI)) PICTURES=$(abspath $(PICTURES)) go test -tags browser -count=1 -timeout 15m ./openwrt/luci

pictures: ## the pictures of the LuCI page in docs; LUCI=DIR for LuCI's own theme
	@.ci/need ip userns chromium-headless-shell
	LUCI=$(abspath $(LUCI)) PICTURES=$(CURDIR)/docs go test -tags browser -count=1 -timeout 5m -run TestThePagesFit ./openwrt/luci

# Every test TestProve... has a short form, which "make test" runs, and with PROVE
# in the environment a long one. PROOF chooses by the beginning of the rest of the
# name: Walks, Kill, Every, Crowds, Survival, LongLife, Health, Watch, NetAdmin.
PROOF ?=
prove: ## the long forms of the proofs, an hour; PROOF=Walks for some
	@.ci/need ip setpriv busybox userns
	PROVE=1 go test -count=1 -v -timeout 120m -run '^TestProve$(PROOF)' ./cmd/mptcpctl ./pkg/kernel

lint: ## gofmt, go vet, staticcheck, shellcheck
	@.ci/need shellcheck
	.ci/lint $(STATICCHECK)

# It reads its database at vuln.go.dev, which .ci/run does without.
vuln: ## known vulnerabilities in what we use, needs a network
	go run $(GOVULNCHECK) ./...

# The minimizer works on an input as long as a whole FUZZTIME, and says nothing
# then of what it had found.
FUZZTIME ?= 10s
fuzz: ## every fuzz test for FUZZTIME
	@.ci/need userns
	@grep -ro '^func Fuzz[A-Za-z]*' --include='*_test.go' cmd pkg | sed 's|/[^/]*:func | |' | sort | while read -r package name; do \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$$package" || exit 1; done

# With UPDATE=1 the results of bench, bench-mipsle and weigh are written to docs/measurements.md.
UPDATE ?=
bench: ## benchmarks, an event beside its rivals; UPDATE=1 writes them down
	@.ci/need ip userns
	@.ci/measured '$(UPDATE)' bench .ci/bench

bench-mipsle: ## an event beside an earlier build's on emulated 32-bit MIPS, 10 minutes; UPDATE=1 writes it down
	@.ci/need depmod qemu-system-mipsel xz mipsel-linux-gnu-gcc
	@.ci/measured '$(UPDATE)' bench-mipsle .ci/bench-mipsle

cross: $(TARGETS:%=dist/mptcpctl-%) ## the shipped binary for every target, into dist/

# Go pads the segments of a MIPS binary to pages of 64 kB; a router's have 4.
dist/mptcpctl-mips dist/mptcpctl-mipsle: LINK += -R 4096
dist/mptcpctl-%: FORCE
	GOOS=linux GOARCH=$* GOMIPS=softfloat GOARM=5 $(LEAN) go build $(SMALL) -o $@ ./cmd/mptcpctl

size: cross ## the size budget
	@.ci/need xz
	.ci/size dist/mptcpctl-mipsle dist/mptcpctl-mips

weigh: ## what each library adds to the binary, on every target; UPDATE=1 writes it down
	@.ci/need xz
	@$(LEAN) .ci/measured '$(UPDATE)' weigh .ci/weigh '$(COMPILE)' '$(LINK)' $(TARGETS)

man: ## the man pages, into dist/man
	@mkdir -p dist/man
	@MAN_DIR="$(CURDIR)/dist/man" SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null)) \
		go test -count=1 -ldflags '-X github.com/mptcpctl/mptcpctl/cmd/mptcpctl.version=$(VERSION)' -run TestEveryCommandHasAManPage ./cmd/mptcpctl

# The list of what is installed is in openwrt/Makefile, which finds stand-ins for
# OpenWrt's rules in .ci/feed. The package's scripts are laid beside the root.
IPK_ROOT ?= dist/ipk-root
IPK_PROGRAM ?= bin/mptcpctl
ipk-root: $(IPK_PROGRAM) dist/licences ## the files of the OpenWrt package as on the router, into dist/ipk-root
	@rm -rf $(IPK_ROOT) $(IPK_ROOT).info $(IPK_ROOT).feed
	@mkdir -p $(IPK_ROOT).feed/net
	@cp -R .ci/feed/. $(IPK_ROOT).feed
	@cp -R openwrt $(IPK_ROOT).feed/net/mptcpctl
	@$(MAKE) -s --no-print-directory -C $(IPK_ROOT).feed/net/mptcpctl TOPDIR=$(abspath $(IPK_ROOT).feed) PKG_BUILD_DIR=$(CURDIR) \
		ROOT=$(abspath $(IPK_ROOT)) INFO=$(abspath $(IPK_ROOT).info) PROGRAM=$(abspath $(IPK_PROGRAM))
	@rm -rf $(IPK_ROOT).feed

# PACKAGES are some of .ci/packages, as FORMAT:ARCHITECTURE.
PACKAGES ?=
packages: ## packages for OpenWrt and Debian, into dist/: VERSION=0.2.0
	@.ci/packages '$(VERSION)' $(PACKAGES)

release: ## all that a release consists of, into dist/release: VERSION=0.2.0; tags nothing
	@.ci/release '$(VERSION)'

dist/licences: .ci/licences go.mod go.sum
	@mkdir -p dist
	@.ci/licences >$@.$$$$ && mv $@.$$$$ $@

clean: ## remove what was built
	rm -rf bin dist
