// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Settings that findings are made from (Documentation/networking/ip-sysctl.rst,
// mptcp-sysctl.rst). Those of the second list exist for each device.
var (
	factKeys   = []string{kernel.KeyPathManager, plan.KeyBlackhole, "net/ipv4/ip_forward", "net/ipv4/tcp_available_congestion_control"}
	deviceKeys = []string{"rp_filter", "arp_ignore"}
)

// readKernel adds to f what findings need of the kernel beside the State in it: all
// rules, settings, counters, and the Ethernet addresses of the devices in State. It
// needs no privilege, writes nothing and sends no packet.
func readKernel(f *doctor.Facts, k *kernel.Kernel) error {
	for _, family := range plan.Families {
		rules, err := readRules(k, family)
		if err != nil {
			return err
		}
		f.Rules[family] = rules
		routes, err := k.MainExceptions(family)
		if err != nil {
			return err
		}
		for _, r := range routes {
			f.Routes = append(f.Routes, doctor.Route(r))
		}
	}
	if err := readAddresses(f, k); err != nil {
		return err
	}
	if err := readMissing(f, k); err != nil {
		return err
	}
	if err := readDevices(f, k); err != nil {
		return err
	}
	if f.State.PathManager == plan.PathManagerMissing {
		return nil
	}
	return readPathManager(f)
}

// readRules reads all rules of a family with what their tables hold.
func readRules(k *kernel.Kernel, family plan.Family) ([]doctor.Rule, error) {
	all, err := k.AllRules(family)
	if err != nil {
		return nil, err
	}
	rules := make([]doctor.Rule, len(all))
	for i, r := range all {
		rules[i].AnyRule = r
		if r.Protocol == plan.Protocol || r.Priority > plan.PriorityList {
			continue
		}
		if rules[i].Final, err = final(k, r); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// final reports whether a packet that matches a rule comes to no later one.
func final(k *kernel.Kernel, r explain.AnyRule) (bool, error) {
	switch {
	case r.Action == explain.ActionBlackhole, r.Action == explain.ActionUnreachable, r.Action == explain.ActionProhibit:
		return true, nil
	case r.Action != explain.ActionLookup, r.Suppress >= 0:
		return false, nil
	case config.ReservedTable(r.Table) && r.Table != 1:
		// The default route of main is netifd's, and the table may be long;
		// local has none.
		return r.Table == plan.Main, nil
	}
	// The routes by which a VPN takes everything lead everywhere too.
	return k.LeadsEverywhere(r.Family, r.Table)
}

// readAddresses names the devices of all addresses.
func readAddresses(f *doctor.Facts, k *kernel.Kernel) error {
	there := f.State.Addresses
	all := make([]doctor.Address, len(there))
	for i, a := range there {
		all[i].Address = a
		if i > 0 && there[i-1].Index == a.Index {
			all[i].Device = all[i-1].Device
			continue
		}
		var err error
		if all[i].Device, err = k.DeviceName(a.Index); err != nil {
			return err
		}
	}
	f.Addresses = all
	return nil
}

// readMissing finds the devices of the configuration that do not exist. That of a VLAN
// (eth1.2) does where its parent does: netifd makes it when it is needed.
func readMissing(f *doctor.Facts, k *kernel.Kernel) error {
	if f.Config == nil {
		return nil
	}
	for _, i := range f.Config.Interfaces {
		there, err := k.HasDevice(i.Device)
		if parent, _, vlan := strings.Cut(i.Device, "."); vlan && !there && err == nil {
			there, err = k.HasDevice(parent)
		}
		switch {
		case err != nil:
			return err
		case !there && i.Device != "":
			f.Missing = append(f.Missing, i.Device)
		}
	}
	return nil
}

// readDevices reads the settings, and the hardware addresses of the devices.
func readDevices(f *doctor.Facts, k *kernel.Kernel) error {
	keys := append([]string(nil), factKeys...)
	names := []string{"all"}
	f.MACs = make(map[string]string)
	for _, d := range f.State.Devices {
		names = append(names, d.Name)
		mac, err := k.HardwareAddress(d.Index)
		if err != nil {
			return fmt.Errorf("device %s: %w", d.Name, err)
		}
		if mac != "" {
			f.MACs[d.Name] = mac
		}
	}
	for _, name := range names {
		for _, key := range deviceKeys {
			keys = append(keys, "net/ipv4/conf/"+name+"/"+key)
		}
	}
	var err error
	f.Sysctls, err = kernel.Sysctls(keys)
	return err
}

// readPathManager reads the counters, and finds out what the kernel's MPTCP lacks.
func readPathManager(f *doctor.Facts) error {
	counters, err := mptcp.Counters()
	if err != nil && !errors.Is(err, mptcp.ErrNotSupported) {
		return err
	}
	f.Counters = make(map[string]uint64, len(counters))
	for _, c := range counters {
		f.Counters[c.Name] = c.Value
	}
	if f.Blackhole, err = blackhole(f.Counters[counterBlackhole], f.Sysctls[plan.KeyBlackhole]); err != nil {
		return err
	}
	f.NoIPv6 = noIPv6()
	return nil
}

// noIPv6 reports whether the kernel has IPv6, but lacks CONFIG_MPTCP_IPV6: then
// MPTCP is not registered with that family (inet6_create in
// net/ipv6/af_inet6.c). No IPv6 at all is EAFNOSUPPORT, MPTCP switched off
// ENOPROTOOPT.
func noIPv6() bool {
	fd, err := mptcpSocket(unix.AF_INET6)
	if err == nil {
		_ = unix.Close(fd)
	}
	return errors.Is(err, unix.EPROTONOSUPPORT)
}

func mptcpSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
}
