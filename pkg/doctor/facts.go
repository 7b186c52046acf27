// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Facts are what findings are made of. What is missing in them leads to no
// finding; Unchecked says why it is missing.
type Facts struct {
	// Config is nil when the configuration could not be read. Result is then
	// empty, and State has only what no configuration is needed for.
	Config *config.Config
	Result plan.Result
	State  plan.State
	// Rules are all rules by family, in the order of evaluation.
	Rules [2][]Rule
	// Router looks up routes; nil: nothing is proved.
	Router router
	// Addresses are those of all devices.
	Addresses []Address
	// Routes are those of the main table that lead nowhere (unreachable, prohibit,
	// blackhole) and cover all or half of a family, and those to a single host of
	// protocol static, which is what netifd uses (RTPROT_STATIC).
	Routes []Route
	// Missing are the devices of the configuration that do not exist.
	Missing []string
	// Sysctls are further settings by their path below /proc/sys.
	Sysctls map[string]string
	// MACs are the Ethernet addresses of the lines' devices by name, in text.
	MACs map[string]string
	// Counters are the kernel's MPTCP counters by name (net/mptcp/mib.c).
	Counters map[string]uint64
	// Blackhole says that the kernel has given MPTCP up for a while, since SYNs
	// with it were lost and those without were not (net/mptcp/ctrl.c,
	// mptcp_active_disable).
	Blackhole bool
	// NoIPv6 says that the kernel has IPv6, but no MPTCP over it.
	NoIPv6 bool
	// MissingDiag is the OpenWrt package without which the kernel cannot list
	// connections; empty when it can.
	MissingDiag string
	// Connections are the MPTCP connections that are older than a moment, so
	// that their joins had time.
	Connections []sockdiag.Connection
	// Vain are the connections that healing a line has not helped, each as InVain names
	// it.
	Vain []string
	// Processes are the names of those that run here and for which Manager
	// is true.
	Processes []string
	// Unconfigured is the configuration where that is empty.
	Unconfigured string
	// Lock is why no run can have its lock; empty: it can. LockFile is its path, Holder
	// the process that has held it for a while; 0: none has, or it is unknown.
	Lock, LockFile string
	Holder         int
	// Watched says that "mptcpctl watch" runs.
	Watched bool
	// Networkd and NetworkManager are the configuration files of these programs,
	// one after the other, in the order in which they are read.
	Networkd, NetworkManager string
	// Ruleset is the output of "nft list ruleset". It matters only where
	// PolicyBehind is true.
	Ruleset string
	// Mwan3 says that the package mwan3 has an interface that is enabled.
	Mwan3 bool
	// Network and Firewall are the UCI packages of those names, nil where they
	// do not exist.
	Network, Firewall *uci.Package
	// File is the configuration, to be edited by hand; empty where uci does that.
	File string
	// Install is the command that installs a package; empty where there is
	// none of OpenWrt's.
	Install string
	// Unchecked says, one sentence each, what could not be looked at.
	Unchecked []string
}

// router answers what no list holds; kernel.Kernel does.
type router interface {
	// Lookup finds the route of a packet. No route is an answer, not an error.
	Lookup(explain.Query) (explain.Answer, error)
	// Forwards reports whether what comes in by a device is forwarded.
	Forwards(f plan.Family, device string) (bool, error)
}

// Address is an address of a device.
type Address struct {
	plan.Address
	Device string
}

// Route is a route of the main table. Type is its rtnetlink type
// (include/uapi/linux/rtnetlink.h).
type Route struct {
	plan.Route
	Type uint8
}

// option is a word of a section of the package network; empty: not set.
func (f *Facts) option(section, name string) string {
	if f.Network == nil {
		return ""
	}
	s, ok := f.Network.Section(section)
	if !ok {
		return ""
	}
	return word(s, name)
}

// word is an option of a section; empty: not set.
func word(s *uci.Section, option string) string {
	value, _ := s.Get(option)
	return value
}

// Rule is a policy rule, managed or foreign.
type Rule struct {
	explain.AnyRule
	// Final says that no packet which matches comes to a later rule: the rule
	// refuses it, or its table leads everywhere.
	Final bool
}

func (r *Rule) managed() bool { return r.Protocol == plan.Protocol }

// text is the rule without its priority, as ip writes it.
func (r *Rule) text() string {
	_, text, _ := strings.Cut(r.String(), ": ")
	return text
}

// decides reports whether the rule decides about a packet, whatever that is beside
// what a query says.
func (r *Rule) decides(q explain.Query) bool {
	if !r.Final || r.Dst.IsValid() {
		return false
	}
	met := explain.Trace([]explain.AnyRule{r.AnyRule}, q, explain.Answer{})
	return len(met) > 0 && met[0].Outcome != explain.Unclear
}
