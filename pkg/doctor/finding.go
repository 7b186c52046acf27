// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// ID is a kind of finding. Its number is its place in the order of harm.
type ID uint8

// The findings in the order of harm: first what leaves nothing of MPTCP, then
// what leaves a line unused, then what loses a part of its use, then what will
// hurt some day, then what only blinds. Notes come last and do not count.
const (
	MPTCPMissing ID = iota
	MPTCPOff
	PathManagerOther
	BlackholeTimeout
	NotConfigured
	BadValue
	LockFailed
	Pending
	SameAddress
	NoGateway
	DeadLine
	DeviceMissing
	NoMode
	UnknownOption
	RuleBefore
	WrongLine
	WrongForward
	ErrorRoute
	TableInUse
	SubnetOfLAN
	NoMasquerade
	PolicyBehind
	HostRoute
	OffFirst
	AddressHeld
	NoSlot
	IPv6Missing
	NoSubflow
	LostSubflow
	OneLine
	BackupDiffers
	DeadJoins
	LimitTooLow
	StrictFilter
	SecondManager
	Networkd
	OverlappingSubnets
	SameMetric
	StaleEndpoint
	DiagMissing
	Disabled
	SwitchedOff
	NoMaster
	TwoMasters
	SameMAC
	Announced
	HealedInVain
	RefusedJoins
	TunnelDefault
	MarkBehind
	IdleOption

	firstNote = Disabled
)

// names are the ids as JSON has them. They never change.
var names = [...]string{
	"mptcp_missing", "mptcp_off", "path_manager_other", "blackhole_timeout", "not_configured", "bad_value", "lock", "pending",
	"same_address", "no_gateway", "dead_line", "device_missing", "no_mode", "unknown_option", "rule_before", "wrong_line", "wrong_forward",
	"error_route", "table_in_use", "subnet_of_lan", "no_masquerade", "policy_behind", "host_route", "off_first", "address_held",
	"no_slot", "ipv6_missing", "no_subflow", "lost_subflow", "one_line", "backup_differs", "dead_joins", "limit_too_low", "strict_filter", "second_manager", "networkd",
	"overlapping_subnets", "same_metric", "stale_endpoint", "diag_missing",
	"multipath_disabled", "switched_off", "no_master", "two_masters", "same_mac", "announced", "healed_in_vain", "refused_joins",
	"tunnel_default", "mark_behind", "idle_option",
}

// String is the name of the finding, stable from release to release.
func (i ID) String() string { return names[i] }

// Finding is one thing that is wrong, or worth to be known.
type Finding struct {
	ID ID
	// Interface is the UCI name of the line; empty: it concerns all of them.
	Interface string
	// Text is one sentence.
	Text string
	// Fix are the commands that correct it, in their order. A word in capitals
	// stands for what only the user knows, and one that begins with # for what is
	// to be done by hand. It is empty where no command can.
	Fix []string
}

// Note reports whether the finding is none, but worth to be known.
func (f Finding) Note() bool { return f.ID >= firstNote }

// examination is one call of Examine.
type examination struct {
	*Facts
	found []Finding
}

// Examine makes the findings, the most harmful first; those of one kind are
// in the order of the configuration.
func Examine(f *Facts) []Finding {
	e := examination{Facts: f}
	if f.Config != nil {
		e.configuration()
	}
	if f.Unconfigured != "" {
		e.add(NotConfigured, "", f.Unconfigured+" has no sections: mptcpctl does nothing", "# write the lines into "+f.Unconfigured, "mptcpctl apply")
	}
	e.lock()
	if f.Config == nil || f.Config.Globals.Multipath {
		e.kernel()
		e.managers()
		e.staleEndpoints()
	}
	if f.Config != nil && f.Config.Globals.Multipath {
		e.lines()
		e.pairs()
		e.unmanaged()
		e.devices()
		e.options()
		e.routing()
		e.outcome()
		e.mainTable()
		e.policies()
		e.firewall()
		e.endpoints()
		e.deadJoins()
		e.limits()
		e.lostConnections()
		e.connections()
		e.oneLine()
		e.priorities()
		e.refusedJoins()
	}
	var sorted []Finding
	for id := range names {
		for _, one := range e.found {
			if one.ID == ID(id) {
				sorted = append(sorted, one)
			}
		}
	}
	return sorted
}

func (e *examination) add(id ID, iface, text string, fix ...string) {
	if e.File != "" {
		fix = byHand(e.File, fix)
	}
	e.found = append(e.found, Finding{id, iface, text, fix})
}

// byHand puts what to write into a file, as a comment, in the place of the
// commands that need uci or netifd.
func byHand(file string, commands []string) []string {
	var all []string
	for _, c := range commands {
		words := strings.Fields(c)
		switch {
		case words[0] == "uci" && words[1] == "commit":
			continue
		case words[0] == "uci":
			name, value, _ := strings.Cut(words[2], "=")
			parts := strings.SplitN(name, ".", 3)
			c = edit(file[:strings.LastIndexByte(file, '/')+1]+parts[0], parts[1], words[1], parts[2], value)
		case strings.HasSuffix(c, " --save"):
			all = append(all, edit(file, words[2], "set", config.OptionMultipath, words[3]))
			c = "mptcpctl apply"
		case strings.HasPrefix(c, "/etc/init.d/network"):
			continue // behind it is what does it without netifd
		}
		all = append(all, c)
	}
	return all
}

// edit says what to do by hand with an option.
func edit(file, section, verb, option, value string) string {
	text := "# " + file + ": " + verb + " in the section '" + section + "': option " + option
	if verb != "delete" {
		text += " '" + value + "'"
	}
	return text
}

// setting are the commands that set options of the package network, each
// "SECTION.OPTION=VALUE", and let netifd see them. What netifd then does to a line, such
// as adding its address again, empties the line's table, and no event follows.
func setting(options ...string) []string {
	return append(stored(options...), "/etc/init.d/network reload", "mptcpctl apply")
}

// modeSetting is setting for an option that only mptcpctl reads.
func modeSetting(options ...string) []string { return append(stored(options...), "mptcpctl apply") }

func stored(options ...string) []string {
	var commands []string
	for _, option := range options {
		commands = append(commands, "uci set network."+option)
	}
	return append(commands, "uci commit network")
}

// participants are the lines that take part, in the order of the file.
func (e *examination) participants() []*plan.LineUse {
	var lines []*plan.LineUse
	for i := range e.Result.Lines {
		if l := &e.Result.Lines[i]; l.Participates() {
			lines = append(lines, l)
		}
	}
	return lines
}

// ip is the command for a family.
func ip(f plan.Family) string {
	if f == plan.IPv6 {
		return "ip -6 "
	}
	return "ip "
}

func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
