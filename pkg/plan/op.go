// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// Action is what an operation does to its object.
type Action byte

// The actions, as the first column of a plan shows them.
const (
	Add    Action = '+'
	Delete Action = '-'
	Change Action = '~'
)

// Object is the kind of kernel object that an operation touches.
type Object uint8

// The objects.
const (
	ObjectRoute Object = iota
	ObjectRule
	ObjectSysctl
	ObjectLimits
	ObjectEndpoint
	ObjectSubflow // of a connection, which is ended
)

// String is the word that the JSON form uses.
func (o Object) String() string {
	return [...]string{"route", "rule", "sysctl", "limits", "endpoint", "subflow"}[o]
}

// Op is one operation: exactly one netlink message or one write below
// /proc/sys. Object says which of the payloads is meant.
type Op struct {
	Action Action
	Object Object

	Route  Route
	Rule   Rule
	Sysctl Sysctl
	Limits mptcp.Limits
	// Endpoint with id 0 is no endpoint, but an address of which the peers of
	// connections are told once more that it is gone (mptcp.Client.DeleteZero).
	Endpoint mptcp.Endpoint
	Subflow  *sockdiag.Subflow
	// Device is the name for Endpoint.IfIndex, as far as it is known.
	Device string

	// Interface is the UCI name of the interface that the operation serves;
	// empty when it serves all of them or none any more.
	Interface string
	// Reason says why, in a few words.
	Reason string
	// After are the places in the plan, all before this one, of the
	// operations without which this one must not be done.
	After []int
}

// Sysctl is one setting below /proc/sys.
type Sysctl struct {
	// Key is the path below /proc/sys, "net/mptcp/enabled".
	Key   string
	Value string
	// Optional says that a refusal by the kernel is a warning only.
	Optional bool
}

// String is the key and value as sysctl -w takes them. Keys that hold a dot
// (device "eth0.2") keep their slashes, which sysctl accepts too.
func (s Sysctl) String() string {
	key := s.Key
	if !strings.Contains(key, ".") {
		key = strings.ReplaceAll(key, "/", ".")
	}
	return key + "=" + s.Value
}

// Command is the command that would do the same.
func (o Op) Command() string {
	switch o.Object {
	case ObjectRoute:
		verb := map[Action]string{Add: "add", Delete: "del", Change: "replace"}[o.Action]
		ip := o.Route.Family.command()
		if o.Route.Gateway.IsValid() && FamilyOf(o.Route.Gateway) != o.Route.Family {
			ip = "ip -4" // else ip takes the family of the gateway for that of the route
		}
		return ip + " route " + verb + " " + o.Route.String()
	case ObjectRule:
		verb := map[Action]string{Add: "add", Delete: "del"}[o.Action]
		return o.Rule.Family.command() + " rule " + verb + " " + o.Rule.String()
	case ObjectSysctl:
		return "sysctl -w " + o.Sysctl.String()
	case ObjectLimits:
		return fmt.Sprintf("ip mptcp limits set subflow %d add_addr_accepted %d", o.Limits.Subflows, o.Limits.AddAddrAccepted)
	case ObjectEndpoint:
		return o.endpointCommand()
	case ObjectSubflow:
		return fmt.Sprintf("ss -K src %s dst %s", o.Subflow.Local, o.Subflow.Remote)
	}
	return ""
}

func (o Op) endpointCommand() string {
	e := o.Endpoint
	switch o.Action {
	case Delete:
		command := fmt.Sprintf("ip mptcp endpoint delete id %d", e.ID)
		if e.ID == 0 {
			command += " " + e.Addr.String()
		}
		return command
	case Change:
		return fmt.Sprintf("ip mptcp endpoint change id %d %s", e.ID, changedFlags(e.Flags))
	}
	command := "ip mptcp endpoint add " + e.Addr.String()
	if o.Device != "" {
		command += " dev " + o.Device
	}
	if e.ID != 0 {
		command += fmt.Sprintf(" id %d", e.ID)
	}
	return command + " " + e.Flags.String()
}

// changedFlags are the words for SET_FLAGS, which clears what is not named.
func changedFlags(flags mptcp.Flags) string {
	words := "nobackup"
	if flags&mptcp.FlagBackup != 0 {
		words = "backup"
	}
	if flags&mptcp.FlagFullmesh != 0 {
		words += " fullmesh"
	}
	return words
}

// Comment is the reason, with the interface's name before it.
func (o Op) Comment() string {
	if o.Interface == "" {
		return o.Reason
	}
	return o.Interface + ": " + o.Reason
}

// String is one line of a plan: the action, the command and the reason.
func (o Op) String() string {
	return string(rune(o.Action)) + " " + o.Command() + " # " + o.Comment()
}
