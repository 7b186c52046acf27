// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Facts are what an explanation is made from.
type Facts struct {
	Config *config.Config
	Result plan.Result
	State  plan.State
	// Rules are all rules by family, managed and foreign, in the order of
	// evaluation.
	Rules [2][]AnyRule
	// Router answers what no list holds; kernel.Kernel does.
	Router router
}

// asker looks up the route of a packet. No route is an answer, not an error.
type asker interface {
	Lookup(Query) (Answer, error)
}

// router is the machine that is explained.
type router interface {
	asker
	// TableRoutes lists the first routes of a table and counts all of them.
	TableRoutes(f plan.Family, table uint32) (first []AnyRoute, count int, err error)
	// Forwards reports whether what comes in by a device is forwarded.
	Forwards(f plan.Family, device string) (bool, error)
}

// Explanation collects what there is to say. Its methods add to it.
type Explanation struct {
	Lines  []Line
	Tables []Table
	Proofs []Proof
	// Notes are sentences that concern the whole.
	Notes []string

	*Facts
}

// New begins an explanation.
func New(f *Facts) *Explanation { return &Explanation{Facts: f} }

// Wrong reports whether any lookup is not as it should be.
func (e *Explanation) Wrong() bool {
	return slices.ContainsFunc(e.Proofs, func(p Proof) bool { return p.Wrong })
}

// Routable reports whether TCP can go to an address from any device: a
// link-local one says nothing without its device.
func Routable(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.Is4In6() }

// prove asks the kernel about a packet, and keeps the result.
func (e *Explanation) prove(p Proof) error {
	err := p.Ask(e.Router, &e.Rules)
	if err == nil {
		e.Proofs = append(e.Proofs, p)
	}
	return err
}

// remoteAddrs are destinations for which there should be no route but a default:
// the blocks for documentation (RFC 5737, RFC 3849, RFC 9637), for benchmarks and for
// packets to be discarded (RFC 2544, RFC 6666).
var remoteAddrs = [2][]string{
	plan.IPv4: {"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"},
	plan.IPv6: {"2001:db8::1", "3fff::1", "2001:db8:ffff:ffff::1", "100::1"},
}

// RemoteAddr is a destination that only default routes lead to, as far as the
// unmarked packets of this machine show.
func RemoteAddr(k asker, f plan.Family) (to netip.Addr, err error) {
	for _, text := range remoteAddrs[f] {
		to = netip.MustParseAddr(text)
		a, err := k.Lookup(Query{Dst: to})
		if err != nil || a.Refused != 0 || a.Matched.Bits() <= plan.DefaultLikeBits {
			return to, err
		}
	}
	return to, nil
}
