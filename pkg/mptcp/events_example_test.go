// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mptcp_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func ExampleDialEvents() {
	e, err := mptcp.DialEvents()
	if err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(time.Minute, func() { e.Close() })
	for {
		events, err := e.Receive()
		for _, event := range events {
			fmt.Println(event.Type, event.Local, event.Remote)
		}
		var lost *mptcp.LostError
		if errors.As(err, &lost) {
			fmt.Println(lost)
		} else if err != nil {
			return // closed
		}
	}
}
