// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// How often lines flap. PROVE_FLAPS sets another number for the long form of
// TestProveLongLife, whose routers live side by side: most of a run is waiting for
// the kernel.
const (
	lives          = 2
	flaps          = 560
	livesLong      = 8
	flapsLong      = 15_000
	comparedFlaps  = 40
	watchFlaps     = 100
	watchFlapsLong = 2000
	watchStorm     = 50 // watch lets a storm pass before it looks
)

// TestProveLongLife takes the address of one of four lines away and gives it back,
// over and over, with a run after each change. The ids of endpoints go round, and
// none is given twice in a row; and afterwards there is nothing more than before:
// no rule, route, endpoint, file or file descriptor. It has the process for
// itself, for it counts those.
func TestProveLongLife(t *testing.T) {
	routers, count := lives, flaps
	if longProof() {
		routers, count = livesLong, flapsLong
		if text := os.Getenv("PROVE_FLAPS"); text != "" {
			var err error
			if count, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What is opened only once is open before they are counted.
	t.Run("warm up", func(t *testing.T) { newLife(t).flap(0) })
	descriptors, began := openFiles(t, "self"), time.Now()
	all, together := make([]*life, routers), sync.WaitGroup{}
	for n := range routers {
		together.Go(func() {
			t.Run(fmt.Sprint("router ", n), func(t *testing.T) {
				all[n] = newLife(t)
				all[n].live(count / routers)
				if n == 0 {
					all[n].compare(newLife(t))
				}
			})
		})
	}
	together.Wait()
	if after := openFiles(t, "self"); after != descriptors {
		t.Errorf("%d file descriptors after, %d before", after, descriptors)
	}
	if t.Failed() {
		return
	}
	t.Logf("%d flaps on %d routers in %s; ids went round %d times on the first",
		count, routers, time.Since(began).Round(time.Millisecond), all[0].wraps)
}

func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// life is a program that goes on and on.
type life struct {
	*proofRouter
	runner reconcile.Runner
	took   []time.Duration
	lastID uint8 // of the endpoint that was made last
	wraps  int
}

func newLife(t *testing.T) *life {
	l := &life{proofRouter: newProofRouter(t, "master", "on", "backup", "on")}
	// Without netifd the lines are what the kernel says of them.
	l.must(os.Remove(filepath.Join(l.BinDir(), "ubus")))
	l.must(os.Remove(filepath.Join(l.BinDir(), "uci")))
	// The PATH of a test has neither program.
	l.runner = reconcile.Runner{ConfigDir: l.ConfigDir(), StateDir: l.StateDir(), LockFile: l.lock(), LockTimeout: time.Second}
	l.run()
	return l
}

// live lets the lines flap in turn.
func (l *life) live(count int) {
	l.Helper()
	before, files := l.state(), l.files()
	for n := range count {
		l.flap(n)
	}
	if after := l.state(); after != before {
		l.Errorf("after %d flaps\n%s\nbefore\n%s", count, after, before)
	}
	if after := l.files(); !slices.Equal(files, after) {
		l.Errorf("files after %v, before %v", after, files)
	}
	if l.wraps < count/(mptcp.MaxID+1) {
		l.Errorf("the ids went round %d times", l.wraps)
	}
}

// compare tells whether runs have become slower: beside a new router, for the load
// of the machine changes in so long a time.
func (l *life) compare(fresh *life) {
	l.Helper()
	l.took, fresh.took = nil, nil
	for n := range comparedFlaps {
		l.flap(n)
		fresh.flap(n)
	}
	old, young := median(l.took), median(fresh.took)
	l.Logf("median run %s, of a new router in turns with it %s (%.2f times)", old.Round(time.Microsecond), young.Round(time.Microsecond), float64(old)/float64(young))
}

// flap takes a line's address away and brings it back.
func (l *life) flap(n int) {
	number := 1 + n%4
	device := fmt.Sprintf("eth%d", number)
	link, err := l.Router.Netlink.LinkByName(device)
	l.must(err)
	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, byte(number), 2), Mask: net.CIDRMask(24, 32)}}
	l.must(l.Router.Netlink.AddrDel(link, address))
	l.run()
	l.must(l.Router.Netlink.AddrAdd(link, address))
	l.must(l.Router.Netlink.RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Gw: net.IPv4(10, 0, byte(number), 1), Priority: number, Protocol: 4,
	}))
	l.run()
	l.freshID(device)
}

// run is one reconcile, as an event would bring it about.
func (l *life) run() {
	l.Helper()
	began := time.Now()
	l.must(l.Router.Do(func() error {
		_, err := l.runner.Run(context.Background(), reconcile.Request{})
		return err
	}))
	l.took = append(l.took, time.Since(began))
}

// freshID asserts that the endpoint that was just made has another id than the
// one that was made before it.
func (l *life) freshID(device string) {
	l.Helper()
	link, err := l.Router.Netlink.LinkByName(device)
	l.must(err)
	l.must(l.Router.PathManager(func(pm *mptcp.Client) error {
		all, err := pm.Endpoints()
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.IfIndex != link.Attrs().Index || e.Addr.Is6() {
				continue
			}
			if e.ID == l.lastID {
				return fmt.Errorf("id %d is given twice in a row", e.ID)
			}
			if e.ID < l.lastID {
				l.wraps++
			}
			l.lastID = e.ID
			return nil
		}
		return fmt.Errorf("no endpoint on %s", device)
	}))
}

// files are those of the program, with their sizes where they are not hints.
func (l *life) files() []string {
	l.Helper()
	var all []string
	for _, dir := range []string{l.LockDir(), l.StateDir(), l.ConfigDir()} {
		entries, err := os.ReadDir(dir)
		l.must(err)
		for _, e := range entries {
			all = append(all, e.Name())
		}
	}
	return all
}

// openFiles counts the file descriptors of a process.
func openFiles(t *testing.T, process string) int {
	t.Helper()
	runtime.GC() // what is unreachable is closed by its finalizer at some time
	entries, err := os.ReadDir("/proc/" + process + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestProveWatchLivesLong lets lines flap under one watch, which must have no more
// file descriptors, and hardly more memory, when it is over.
func TestProveWatchLivesLong(t *testing.T) {
	t.Parallel()
	count := watchFlaps
	if longProof() {
		count = watchFlapsLong
	}
	r := newProofRouter(t, "master", "on", "on")
	ctx, cancel := context.WithCancel(t.Context())
	cmd := r.start(ctx, "watch")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	r.must(r.Router.Start(cmd))
	defer func() {
		cancel()
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("ended with %s", cmd.ProcessState)
		}
	}()
	pid := strconv.Itoa(cmd.Process.Pid)
	r.until("the first run", r.rules, "oif eth2")
	r.quiet(pid)
	before, files, memory := r.state(), openFiles(t, pid), resident(t, pid)
	for n := range count {
		for _, fault := range []func(string) ([]netlab.Event, error){r.AdminDown, r.AdminUp} {
			_, err := fault("wan2")
			r.must(err)
		}
		if n%watchStorm == watchStorm-1 {
			// Only watch puts this one back.
			r.ran(r.Command(ctx, "ip", "rule", "del", "pref", "503", "oif", "eth1"))
			r.until("the same state", r.state, before)
		}
	}
	r.quiet(pid)
	r.until("the same state", r.state, before)
	if after := openFiles(t, pid); after > files {
		t.Errorf("%d file descriptors after, %d before", after, files)
	}
	t.Logf("%d flaps: %d file descriptors, %d kB resident before and %d kB after", count, files, memory, resident(t, pid))
}

func (r *proofRouter) rules() string {
	return r.ran(exec.Command("ip", "-N", "-4", "rule"))
}

// quiet waits until a watch has no children.
func (r *proofRouter) quiet(pid string) {
	r.Helper()
	r.until("no child", func() string {
		pids, err := r.Processes()
		r.must(err)
		return fmt.Sprint(pids)
	}, "["+pid+"]")
}

// resident is the memory of a process in kB.
func resident(t *testing.T, pid string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
