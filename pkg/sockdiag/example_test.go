// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sockdiag_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

func ExampleConnections() {
	connections, err := sockdiag.Connections()
	if errors.Is(err, sockdiag.ErrNoMPTCPDiag) {
		fmt.Println("install kmod-inet-mptcp-diag to list connections")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range connections {
		fmt.Println(c.Local, c.Remote, c.State)
		for _, s := range c.Subflows {
			fmt.Println("  ", s.Local, s.State, s.TCP.RTT, s.Flags&sockdiag.BackupLocal != 0)
		}
	}
}

func ExampleEach() {
	var bytes uint64
	err := sockdiag.Each(func(c sockdiag.Connection) error {
		if c.Fallback {
			fmt.Println(c.Local, c.Remote, "does plain TCP")
		}
		for _, s := range c.Subflows {
			bytes += s.TCP.BytesSent + s.TCP.BytesReceived
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes, "bytes")
}

func ExampleEstablishedTokens() {
	tokens, err := sockdiag.EstablishedTokens()
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range tokens[netip.MustParseAddr("192.0.2.10")] {
		fmt.Printf("connection %08x uses the line\n", token)
	}
}
