// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// A flow is a transfer of the LAN host to and from the far host, over plain TCP,
// that goes on.
type flow struct {
	*netlab.Running
	r *recipe
}

// flow starts one, and shows that the far host sees the server behind it.
func (r *recipe) flow() *flow {
	r.Helper()
	f := r.transfer(r.LAN, netip.AddrPortFrom(netlab.FarHost, netlab.Port), true)
	f.await(megabyte / 4)
	if peers := r.farEnd.Peers(); !slices.Equal(peers, []netip.Addr{netlab.Addr4.Addr()}) {
		r.Fatalf("the far host sees %v, want the server alone", peers)
	}
	return f
}

func (r *recipe) transfer(from *netlab.Namespace, to netip.AddrPort, tcp bool) *flow {
	r.Helper()
	running, err := from.StartTransfer(r.ctx, netlab.Transfer{Server: to, Up: netlab.Endless, Down: netlab.Endless, TCP: tcp})
	r.must(err)
	return &flow{running, r}
}

// await waits until n bytes more have arrived each way.
func (f *flow) await(n uint64) {
	f.r.Helper()
	if err := f.Await(f.r.ctx, n); err != nil {
		f.r.Fatalf("the transfer makes no progress: %v\n%s", err, f.r.router.run("mptcpctl", "status"))
	}
}

// carry returns what each line carries while n bytes more arrive each way.
func (f *flow) carry(n uint64) carried {
	f.r.Helper()
	before, err := f.r.Counters()
	f.r.must(err)
	f.await(n)
	after, err := f.r.Counters()
	f.r.must(err)
	for i := range after {
		after[i] = after[i].Since(before[i])
	}
	f.r.Log(carried(after))
	return after
}

// stop ends a transfer that must have lived until now.
func (f *flow) stop() {
	f.r.Helper()
	result, err := f.Stop()
	f.r.must(err)
	f.r.Logf("%.1f MB up and %.1f MB down in %.1f s, longest stall %.2f s",
		float64(result.Up)/megabyte, float64(result.Down)/megabyte, result.Took.Seconds(), result.Stall.Seconds())
}

// survive pulls each line in turn under a transfer that goes on.
func (f *flow) survive() {
	f.r.Helper()
	for _, line := range []string{"wan1", "wan2"} {
		f.r.deliver(f.r.Unplug(line))
		f.await(megabyte)
		f.r.deliver(f.r.Plug(line))
		f.r.eventually("both lines are used after "+line+" came back", func() bool { return f.carry(2 * megabyte).byBoth(2 * megabyte) })
	}
}

// carried is what each line carried, in order.
type carried []netlab.Counters

// byBoth reports whether each line carried at least a third of its fair half of
// n bytes each way.
func (c carried) byBoth(n uint64) bool {
	return !slices.ContainsFunc(c, func(line netlab.Counters) bool { return min(line.Sent, line.Received) < n/6 })
}

// idle reports whether a line carried next to nothing, data or acknowledgements.
func (c carried) idle(line int) bool { return max(c[line].Sent, c[line].Received) < handshakes }

func (c carried) String() string {
	var words []string
	for _, line := range c {
		words = append(words, fmt.Sprintf("%s %.2f MB up %.2f MB down", line.Interface,
			float64(line.Sent)/megabyte, float64(line.Received)/megabyte))
	}
	return strings.Join(words, ", ")
}
