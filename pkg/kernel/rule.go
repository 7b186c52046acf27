// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// sizeofRuleHdr is the size of struct fib_rule_hdr
// (include/uapi/linux/fib_rules.h).
const sizeofRuleHdr = 12

// rule is a rule of protocol 77 as the kernel has it.
type rule struct {
	plan.Rule
	// lookup says that its action is to look into a table.
	lookup bool
	// plain says that Rule is all there is to it. Others of protocol 77, made
	// by hand, are left alone.
	plain bool
}

// rules lists the rules of protocol 77 of a family, or of both (AF_UNSPEC), in the
// kernel's order. The kernel cannot filter them (fib_valid_dumprule_req in
// net/core/fib_rules.c).
func (k *Kernel) rules(family uint8) ([]rule, error) {
	header := make([]byte, sizeofRuleHdr)
	header[0] = family
	all, err := dump(k.route, unix.RTM_GETRULE, header, nil, func(b []byte) (rule, bool, error) {
		r, protocol, err := decodeRule(b)
		return r, protocol == plan.Protocol && either(family, r.Family), err
	})
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return all, nil
}

// decodeRule reads struct fib_rule_hdr and its attributes. A rule of another family has
// no protocol.
func decodeRule(b []byte) (r rule, protocol uint8, err error) {
	header, ad, err := split(b, sizeofRuleHdr)
	if err != nil {
		return r, 0, err
	}
	f, ok := familyOf(header)
	if !ok {
		return r, 0, nil
	}
	r.Family, r.Suppress, r.Table = f, -1, uint32(header[4])
	r.lookup = header[7] == unix.FR_ACT_TO_TBL
	r.plain = r.lookup && header[1] == 0 && header[3] == 0 &&
		binary.NativeEndian.Uint32(header[8:])&unix.FIB_RULE_INVERT == 0
	mask := uint32(0)
	for ad.Next() {
		switch ad.Type() {
		case unix.FRA_SRC:
			r.Src = netip.PrefixFrom(address(ad), int(header[2])).Masked()
		case unix.FRA_OIFNAME:
			r.OIF = ad.String()
		case unix.FRA_IIFNAME:
			r.IIF = ad.String()
			r.plain = r.plain && r.IIF == plan.Loopback
		case unix.FRA_PRIORITY:
			r.Priority = ad.Uint32()
		case unix.FRA_TABLE:
			r.Table = ad.Uint32()
		case unix.FRA_SUPPRESS_PREFIXLEN:
			r.Suppress = int(ad.Int32())
		case unix.FRA_SUPPRESS_IFGROUP:
			r.Group = ad.Uint32()
			r.plain = r.plain && r.Group == plan.NoGroup
		case unix.FRA_FWMARK:
			r.Mark = ad.Uint32()
		case unix.FRA_FWMASK:
			mask = ad.Uint32()
		case unix.FRA_PROTOCOL:
			protocol = ad.Uint8()
		case unix.FRA_PAD:
		default:
			r.plain = r.plain && !selects(ad.Type())
		}
	}
	r.plain = r.plain && (r.Mark == 0 && mask == 0 || r.Mark == plan.QueryMark && mask == fullMask)
	return r, protocol, ad.Err()
}

// fullMask is the mask of a rule all of whose bits of the mark count.
const fullMask = 1<<32 - 1

// selects reports whether a rule that has this attribute matches fewer packets
// than a plan.Rule can say. The kernel sends these only where they are set
// (fib_nl_fill_rule in net/core/fib_rules.c).
func selects(attribute uint16) bool {
	return slices.Contains([]uint16{
		unix.FRA_DST, unix.FRA_FLOW, unix.FRA_TUN_ID, unix.FRA_L3MDEV, unix.FRA_UID_RANGE, unix.FRA_IP_PROTO,
		unix.FRA_SPORT_RANGE, unix.FRA_DPORT_RANGE, fraDSCP, fraFlowLabel,
	}, attribute)
}

// Attributes since Linux 6.12 and 6.14 (include/uapi/linux/fib_rules.h).
const (
	fraDSCP      = 25
	fraFlowLabel = 26
)

func encodeRule(r plan.Rule) ([]byte, error) {
	header := make([]byte, sizeofRuleHdr)
	header[0] = addressFamilies[r.Family]
	header[7] = unix.FR_ACT_TO_TBL
	ae := netlink.NewAttributeEncoder()
	if r.Src.IsValid() {
		header[2] = uint8(r.Src.Bits())
		ae.Bytes(unix.FRA_SRC, r.Src.Addr().AsSlice())
	}
	if r.OIF != "" {
		ae.String(unix.FRA_OIFNAME, r.OIF)
	}
	if r.IIF != "" {
		ae.String(unix.FRA_IIFNAME, r.IIF)
	}
	ae.Uint32(unix.FRA_PRIORITY, r.Priority)
	ae.Uint32(unix.FRA_TABLE, r.Table)
	if r.Mark != 0 {
		ae.Uint32(unix.FRA_FWMARK, r.Mark)
		ae.Uint32(unix.FRA_FWMASK, fullMask)
	}
	if r.Suppress >= 0 {
		ae.Uint32(unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.Suppress))
	}
	if r.Group != 0 {
		ae.Uint32(unix.FRA_SUPPRESS_IFGROUP, r.Group)
	}
	ae.Uint8(unix.FRA_PROTOCOL, plan.Protocol)
	return join(header, ae)
}

// addRule adds a rule behind those of its priority. One that is there already is no
// error. The kernel takes one that asks for less than r for r, and refuses only where
// it is told to look (NLM_F_EXCL; fib_newrule in net/core/fib_rules.c).
func (k *Kernel) addRule(r plan.Rule) error {
	body, err := encodeRule(r)
	if err != nil {
		return err
	}
	err = k.route.write(unix.RTM_NEWRULE, netlink.Create|netlink.Excl, body)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	there, dumpErr := k.rules(addressFamilies[r.Family])
	if dumpErr != nil {
		return errors.Join(err, dumpErr)
	}
	if slices.ContainsFunc(there, func(t rule) bool { return t.plain && t.Rule == r }) {
		return nil
	}
	if slices.ContainsFunc(there, func(t rule) bool { return t.plain && t.IIF != r.IIF && t.matches(r) }) {
		return k.route.write(unix.RTM_NEWRULE, netlink.Create, body)
	}
	return err
}

// errShadowed says that the kernel would delete another rule.
var errShadowed = errors.New("a foreign rule of the same protocol comes before it")

// deleteRule deletes a managed rule; one that is gone is no error.
//
// To the kernel, what a request leaves out means "any", and it deletes the
// first rule that matches: "from all" also names "from A". So managed rules
// that would be hit in its place are deleted with it and added again.
func (k *Kernel) deleteRule(r plan.Rule) error {
	there, err := k.rules(addressFamilies[r.Family])
	if err != nil {
		return err
	}
	var before []plan.Rule
	found := false
	for _, t := range there {
		if t.plain && t.Rule == r {
			found = true
			break
		}
		if !t.matches(r) {
			continue
		}
		if !t.plain {
			return errShadowed
		}
		before = append(before, t.Rule)
	}
	if !found {
		return nil
	}
	body, err := encodeRule(r)
	if err != nil {
		return err
	}
	for range len(before) + 1 {
		if err := k.route.write(unix.RTM_DELRULE, 0, body); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	for _, b := range before {
		err = errors.Join(err, k.addRule(b))
	}
	return err
}

// matches reports whether the kernel takes a request to delete r for one that
// means t (rule_find in net/core/fib_rules.c).
func (t rule) matches(r plan.Rule) bool {
	return t.lookup && t.Priority == r.Priority && t.Table == r.Table &&
		(!r.Src.IsValid() || r.Src.Bits() == 0 || t.Src == r.Src) &&
		(r.OIF == "" || t.OIF == r.OIF) && (r.IIF == "" || t.IIF == r.IIF) && (r.Mark == 0 || t.Mark == r.Mark) &&
		(r.Suppress < 0 || t.Suppress == r.Suppress) && (r.Group == 0 || t.Group == r.Group)
}
