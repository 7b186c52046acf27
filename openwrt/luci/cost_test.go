// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestWhatAnOpenPageCosts prints the processor time of what an open page asks for, with 100
// connections, beside that of "mptcpctl status --json" once a second, and sees that the
// page asks less often.
func TestWhatAnOpenPageCosts(t *testing.T) {
	r := newRouter(t, twoLines())
	crowd, err := r.NewCrowd(t.Context(), 100)
	r.must(err)
	defer func() { r.must(crowd.Close()) }()
	const measured = 20
	cost := func() time.Duration { return time.Duration(r.spent.Swap(0)) / measured }

	page := r.open(administrator, "status", 1280, 1000)
	page.says("Connections: 100")
	r.Lock()
	before := len(r.calls)
	r.Unlock()
	cost()
	time.Sleep(measured * time.Second)
	open := cost()
	r.Lock()
	asked := len(r.calls) - before
	r.Unlock()
	page.do(chromedp.Navigate("about:blank"))

	cost()
	for range measured {
		next := time.Now().Add(time.Second)
		if out, err := r.mptcpctl("", "status", "--json"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		time.Sleep(time.Until(next))
	}
	t.Logf("an open page: %v of processor time per second, %d calls in %d s; status --json once a second: %v", open, asked, measured, cost())
	if asked == 0 || asked > measured {
		t.Errorf("%d calls in %d s", asked, measured)
	}
}
