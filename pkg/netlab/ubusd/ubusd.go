// SPDX-License-Identifier: Apache-2.0

// Package ubusd has what a real ubusd has sent, for tests of what reads it.
//
//	path := ubusd.Listen(t, func(c net.Conn) { c.Write(ubusd.Session(t)[0].Data) })
package ubusd

import (
	_ "embed"
	"encoding/hex"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// Dump is what "ubus call network.interface dump" has printed at the time of the
// session. Uptimes differ.
//
//go:embed dump.json
var Dump []byte

//go:embed session.txt
var session string

// Message is one message of a session. Those that are Sent go to ubusd.
type Message struct {
	Sent bool
	What string
	Data []byte
}

// Session is, in order: the greeting; a lookup of network.interface, its data and
// status; an invocation of dump, its data and status; a lookup of what is not there and
// its status; an invocation of a method that is not there and its status.
func Session(t testing.TB) (all []Message) {
	t.Helper()
	for line := range strings.Lines(session) {
		words := strings.Fields(line)
		data, err := hex.DecodeString(words[len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Message{words[0] == ">", strings.Join(words[1:len(words)-2], " "), data})
	}
	if len(all) != 11 {
		t.Fatalf("%d messages", len(all))
	}
	return all
}

// Listen makes a socket that lasts as long as the test. serve has one connection after
// the other, which is closed behind it.
func Listen(t testing.TB, serve func(net.Conn)) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ubus.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return path
}
