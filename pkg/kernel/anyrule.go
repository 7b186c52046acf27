// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// AllRules lists all rules, managed and foreign, in the order in which the kernel
// evaluates them. A family that the kernel lacks has none. It needs no
// privilege.
func (k *Kernel) AllRules(f plan.Family) ([]explain.AnyRule, error) {
	header := make([]byte, sizeofRuleHdr)
	header[0] = addressFamilies[f]
	all, err := dump(k.route, unix.RTM_GETRULE, header, nil, func(b []byte) (explain.AnyRule, bool, error) {
		r, err := decodeAnyRule(b)
		// A kernel without IPv6 answers with the rules of other families.
		return r, err == nil && b[0] == addressFamilies[f], err
	})
	if err != nil {
		return nil, fmt.Errorf("%s rules: %w", f, err)
	}
	return all, nil
}

func decodeAnyRule(b []byte) (explain.AnyRule, error) {
	known, protocol, err := decodeRule(b)
	if err != nil {
		return explain.AnyRule{}, err
	}
	header, ad, err := split(b, sizeofRuleHdr)
	if err != nil {
		return explain.AnyRule{}, err
	}
	r := explain.AnyRule{
		Rule: known.Rule, Protocol: protocol, Action: header[7], TOS: header[3],
		Invert: binary.NativeEndian.Uint32(header[8:])&unix.FIB_RULE_INVERT != 0,
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.FRA_DST:
			r.Dst = netip.PrefixFrom(address(ad), int(header[1])).Masked()
		case unix.FRA_FWMASK:
			r.Mask = ad.Uint32()
		case unix.FRA_GOTO:
			r.Goto = ad.Uint32()
		default:
			r.MoreSelectors = r.MoreSelectors || selects(ad.Type())
		}
	}
	return r, ad.Err()
}
