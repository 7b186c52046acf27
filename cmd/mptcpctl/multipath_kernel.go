// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// kernelSettings prints all net.mptcp settings of this kernel, the congestion control,
// and the limits of the path manager.
func (o *options) kernelSettings(context.Context) error {
	const group = "net/mptcp"
	names, err := file.Names("/proc/sys/" + group)
	err = mptcp.OfProc(err)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("this kernel does not support Multipath TCP")
	}
	if err != nil {
		return err
	}
	keys := []string{"net/ipv4/tcp_congestion_control"}
	for _, name := range names {
		keys = append(keys, group+"/"+name)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value, ok, err := kernel.Sysctl(key)
		if err != nil {
			return err
		}
		if ok {
			err = o.printf("%s: %s\n", strings.ReplaceAll(key, "/", "."), value)
		}
		if err != nil {
			return err
		}
	}
	c, err := mptcp.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	limits, err := c.Limits()
	if err != nil {
		return err
	}
	return o.printf("limits.subflows: %d\nlimits.add_addr_accepted: %d\n", limits.Subflows, limits.AddAddrAccepted)
}
