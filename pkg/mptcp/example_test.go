// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mptcp_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func ExampleClient() {
	c, err := mptcp.Dial()
	if errors.Is(err, mptcp.ErrNotSupported) {
		fmt.Println("this kernel has no MPTCP")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if err := c.Add(mptcp.Endpoint{
		ID:      3,
		Addr:    netip.MustParseAddr("192.0.2.10"),
		Flags:   mptcp.FlagSubflow,
		IfIndex: 5,
	}); err != nil {
		log.Fatal(err)
	}
	if err := c.SetFlags(3, mptcp.FlagBackup); err != nil {
		log.Fatal(err)
	}
	endpoints, err := c.Endpoints()
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range endpoints {
		fmt.Println(e.Addr, "id", e.ID, e.Flags)
	}
}

func ExampleFlags_String() {
	fmt.Println(mptcp.FlagSubflow | mptcp.FlagBackup)
	// Output: subflow backup
}
