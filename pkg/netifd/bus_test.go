// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/ubusd"
)

// recordedBus replays what the real ubusd has sent, up to the end of the answer to
// `network.interface dump`, whatever it is asked.
func recordedBus(t *testing.T) string {
	t.Helper()
	var received []byte
	for _, m := range ubusd.Session(t)[:7] {
		if !m.Sent {
			received = append(received, m.Data...)
		}
	}
	return listen(t, received)
}

// listen makes a socket that sends these bytes to everyone.
func listen(t *testing.T, sent []byte) string {
	t.Helper()
	return ubusd.Listen(t, func(c net.Conn) {
		_, _ = c.Write(sent)
		_, _ = c.Read(make([]byte, 4096)) // the requests are not read on
		_ = c.(*net.UnixConn).CloseWrite()
		_, _ = c.Read(make([]byte, 4096))
	})
}

// TestTheSocketSaysWhatTheProgramPrints compares both ways of asking the same netifd.
func TestTheSocketSaysWhatTheProgramPrints(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no program
	got, err := Ask(t.Context(), recordedBus(t)).Answer()
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse(ubusd.Dump)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("-printed +sent:\n%s", diff)
	}
	if !slices.ContainsFunc(got, func(i Interface) bool { return i.Name == "wan2" && i.Metric == 20 && len(i.Routes) == 1 }) {
		t.Errorf("no wan2 with its metric and route in %+v", got)
	}
}

// TestWhoIsAsked is about a machine with the program, which says lan, and about what
// may be where the socket is.
func TestWhoIsAsked(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	dead := filepath.Join(t.TempDir(), "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const program = `echo '{"interface":[{"interface":"lan"}]}'`
	for name, tt := range map[string]struct {
		socket, program string
		want            string // the first interface
		err             string
		misunderstood   bool
	}{
		"the socket":                       {recordedBus(t), program, "lan loopback wan1 wan2 wan3", "", false},
		"no socket":                        {none, program, "lan", "", false},
		"neither":                          {none, "", "", ErrNoUbus.Error(), false},
		"another program at the socket":    {listen(t, []byte("220 mail.example ESMTP ready\r\n")), program, "lan", "", true},
		"that, and no program":             {listen(t, []byte("220 mail.example ESMTP ready\r\n")), "", "", "not the protocol of ubus", true},
		"a socket on which nobody listens": {dead, program, "", "connection refused", false},
		"an end in the middle":             {listen(t, []byte{0, 0, 0, 0, 0xc6, 0xa6, 0x7e, 0x59, 0, 0, 0, 4}), program, "", "ubusd has ended the connection", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.program != "" {
				if err := os.WriteFile(filepath.Join(dir, "ubus"), []byte("#!/bin/sh\n"+tt.program+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", dir)
			q := Ask(t.Context(), tt.socket)
			all, err := q.Answer()
			var names []string
			for _, i := range all {
				names = append(names, i.Name)
			}
			if got := strings.Join(names, " "); got != tt.want || !strings.Contains(errorText(err), tt.err) || (err != nil) != (tt.err != "") {
				t.Errorf("%q and error %q, want %q and %q", got, errorText(err), tt.want, tt.err)
			}
			if (q.Misunderstood != nil) != tt.misunderstood || errors.Is(err, ErrNoUbus) != (name == "neither") {
				t.Errorf("misunderstood: %v, error %v", q.Misunderstood, err)
			}
			Ask(t.Context(), tt.socket).Drop()
		})
	}
}

// TestATableFrom2147483648Up is a negative number in JSON, as libubox prints it.
func TestATableFrom2147483648Up(t *testing.T) {
	t.Parallel()
	all, err := Parse([]byte(`{"interface":[{"interface":"wan","ip4table":-294967296,"metric":4000000000}]}`))
	if err != nil || all[0].IP4Table != 4_000_000_000 || all[0].Metric != 4_000_000_000 {
		t.Errorf("%+v, %v", all, err)
	}
}
