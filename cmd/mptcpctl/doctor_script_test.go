// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// cmdMend runs the commands with which doctor mends a finding, on the router.
// What needs a service of OpenWrt is printed; netifd is reloaded, others are not there.
func cmdMend(ts *testscript.TestScript, neg bool, args []string) {
	id := one(ts, neg, args)
	s := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := s.program(ctx, "mptcpctl", nil, append(s.flags(), "doctor", "--json"))
	cmd.Stdout = &out
	_ = s.Router.Run(cmd) // fails when there are findings
	var doc struct {
		Findings []struct {
			ID   string
			Mend []string
		}
	}
	ts.Check(json.Unmarshal(out.Bytes(), &doc))
	done := 0
	for _, f := range doc.Findings {
		if f.ID != id {
			continue
		}
		for _, command := range f.Mend {
			words := strings.Fields(command)
			switch {
			case words[0] == "ifup" || strings.HasPrefix(words[0], "/etc/init.d/"):
				fmt.Fprintln(ts.Stdout(), command)
				if words[0] == "/etc/init.d/network" {
					ts.Check(s.Reload())
				}
			case words[0] == "mptcpctl":
				s.runMptcpctl(ts, false, nil, append(s.flags(), words[1:]...))
			default:
				s.run(ts, false, s.Command(ctx, "sh", "-c", command))
			}
			done++
		}
	}
	if done == 0 {
		ts.Fatalf("doctor finds no %q that can be mended:\n%s", id, &out)
	}
}

// neverConnects is when a kernel that does not give MPTCP up would have had its third
// SYN with it lost, and those of others connect.
const neverConnects = 10 * time.Second

// cmdSwallow opens an MPTCP connection from the router to a port of the far
// server where SYNs with MPTCP never arrive, and plain ones do. Negated, the kernel
// goes on with MPTCP and does not connect.
func cmdSwallow(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, false, args)
	s := of(ts)
	timeout := commandTimeout
	if neg {
		timeout = neverConnects
	}
	address := netip.AddrPortFrom(netlab.Addr4.Addr(), 5009).String()
	var listener net.Listener
	ts.Check(s.Server.Do(func() (err error) {
		config := net.ListenConfig{Control: dropMPTCP}
		config.SetMultipathTCP(true)
		listener, err = config.Listen(context.Background(), "tcp4", address)
		return err
	}))
	ts.Check(s.Router.Do(func() error {
		dialer := net.Dialer{Timeout: timeout}
		dialer.SetMultipathTCP(true)
		conn, err := dialer.Dial("tcp4", address)
		switch {
		case neg && err == nil:
			return errors.Join(errors.New("connected all the same"), conn.Close())
		case neg && errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		return conn.Close()
	}))
	ts.Check(listener.Close())
}

// dropMPTCP lets a listener drop what has a TCP header of 44 bytes: a SYN with
// the MP_CAPABLE option of 4 bytes (RFC 8684 section 3.1) beside the usual ones.
func dropMPTCP(_, _ string, raw syscall.RawConn) error {
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		program := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 12},           // data offset, in the upper half
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf0},        //
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: 0xb0}, // 44 bytes
			{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
			{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}
