// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestAReloadAddsAddressesAgainInPlace compares with what was recorded of a real netifd: no
// event, and other tables of the device are empty.
func TestAReloadAddsAddressesAgainInPlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}, {}}})
	file := filepath.Join(l.ConfigDir(), "network")
	link, err := l.Router.Netlink.LinkByName("eth2")
	must(t, err)
	other := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: []byte{10, 0, 2, 1}, Src: []byte{10, 0, 2, 2}, Table: 77}
	tables := func() int {
		t.Helper()
		all, err := l.Router.Netlink.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: 77}, netlink.RT_FILTER_TABLE)
		must(t, err)
		return len(all)
	}
	for _, step := range []struct {
		name, add string
		emptied   bool
		main      []string // default routes, and what the configuration adds
	}{
		{"nothing", "", false, []string{"default via 10.0.1.1 dev eth1 metric 1", "default via 10.0.2.1 dev eth2 metric 2"}},
		{"a route", "\nconfig route\n\toption interface 'wan2'\n\toption target '198.51.100.0/24'\n\toption gateway '10.0.2.1'\n", false,
			[]string{"198.51.100.0/24 via 10.0.2.1 dev eth2 metric 2", "default via 10.0.1.1 dev eth1 metric 1", "default via 10.0.2.1 dev eth2 metric 2"}},
		{"the metric", "\nconfig interface 'wan2'\n\toption metric '9'\n", true,
			[]string{"198.51.100.0/24 via 10.0.2.1 dev eth2 metric 9", "default via 10.0.1.1 dev eth1 metric 1", "default via 10.0.2.1 dev eth2 metric 9"}},
		{"defaultroute", "\nconfig interface 'wan2'\n\toption defaultroute '0'\n", true,
			[]string{"198.51.100.0/24 via 10.0.2.1 dev eth2 metric 9", "default via 10.0.1.1 dev eth1 metric 1"}},
		{"ip4table", "\nconfig interface 'wan2'\n\toption ip4table '55'\n", true, []string{"default via 10.0.1.1 dev eth1 metric 1"}},
	} {
		data, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, append(data, step.add...), 0o644))
		must(t, l.Router.Netlink.RouteReplace(other))
		must(t, l.Reload())
		if n := tables(); (n == 0) != step.emptied {
			t.Errorf("%s: %d routes in another table, want it emptied: %v", step.name, n, step.emptied)
		}
		var got []string
		for _, r := range mainRoutes(t, l, unix.AF_INET) {
			to, rest, _ := bytes.Cut([]byte(r), []byte(" via 10.0."))
			if gateway, behind, ok := bytes.Cut(rest, []byte(" proto")); ok {
				_, metric, _ := bytes.Cut(behind, []byte(" metric "))
				got = append(got, string(to)+" via 10.0."+string(gateway)+" metric "+string(metric))
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(step.main, got); diff != "" {
			t.Errorf("%s: main -want +got\n%s", step.name, diff)
		}
	}
	events, err := l.Events()
	must(t, err)
	if len(events) > 0 {
		t.Errorf("events %v, want none", events)
	}
}

func TestTriggersOfOneDelayAreTakenLastFirst(t *testing.T) {
	var order []string
	trigger := func(name string, delay time.Duration) Trigger {
		return Trigger{Name: name, Delay: delay, Run: func() error { order = append(order, name); return nil }}
	}
	must(t, ReloadConfig(trigger("network", time.Second), trigger("firewall", time.Second), trigger("late", 2*time.Second), trigger("last", time.Second)))
	if diff := cmp.Diff([]string{"last", "firewall", "network", "late"}, order); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
