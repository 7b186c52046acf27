// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// TestThePagesFitTheirWindow looks at both pages on a desk and on a telephone. With
// PICTURES it writes what is seen there into that directory.
func TestThePagesFitTheirWindow(t *testing.T) {
	r := newRouter(t, netlab.Config{Lines: []netlab.LineConfig{{Multipath: "master"}, {Multipath: "on"}, {Multipath: "backup"}}})
	r.carry()
	if out, err := r.mptcpctl("", "iface", "wan3", "off"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for view, ready := range map[string]string{
		"status":  "document.querySelectorAll('#mptcpctl-list tr').length > 1 && document.querySelectorAll('#mptcpctl-graph path').length > 4",
		"network": "document.querySelectorAll('#view select').length > 7",
	} {
		for _, width := range []int{1280, 390} {
			page := r.open(administrator, view, width, 1000)
			page.await(ready)
			if view == "status" {
				if os.Getenv("PICTURES") != "" {
					time.Sleep(25 * time.Second) // so that the graph has something to show
				}
			}
			if wide := evaluated[int](page, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("%s is %d wide in a window of %d", view, wide, width)
			}
			if wrong := page.faults(); wrong != "" {
				t.Errorf("%s: %s", view, wrong)
			}
			picture, err := chromedp.Run(page.ctx, chromedp.FullScreenshot(100))
			r.must(err)
			if dir := os.Getenv("PICTURES"); dir != "" {
				r.must(os.WriteFile(filepath.Join(dir, "luci-"+view+"-"+strconv.Itoa(width)+".png"), picture, 0o644))
			}
		}
	}
}

// carry lets a connection of the router carry data over all lines until the test ends.
func (r *router) carry() {
	ctx, cancel := context.WithCancel(context.Background())
	server, err := r.Serve(ctx)
	r.must(err)
	transfer, err := r.Router.StartTransfer(ctx, netlab.Transfer{Up: netlab.Endless, Rate: 2 << 20})
	r.must(err)
	r.Cleanup(func() {
		cancel()
		_, _ = transfer.Wait() // It is broken off.
		r.must(server.Close())
	})
}
