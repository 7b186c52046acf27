// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoAddress says that a name has no address, ErrNoServer that no name server has
// answered.
var (
	ErrNoAddress = errors.New("the name does not resolve")
	ErrNoServer  = errors.New("no name server of resolv.conf answers")
)

// Resolver finds addresses of names by the files hosts and resolv.conf of a directory, and
// by asking the servers of the latter over UDP. Names are complete: the search list is
// not used.
type Resolver struct {
	// Dir is the directory of the files.
	Dir  string
	port uint16 // of the servers; 0: 53
}

// Numbers of RFC 1035 section 3.2.2 to 4.1.1, and of RFC 3596 section 2.1.
const (
	typeA, typeAAAA = 1, 28
	classIN         = 1
	headerLen       = 12
	flagResponse    = 0x8000
	flagRecurse     = 0x0100
	maskCode        = 0x000f
	noSuchName      = 3
	maxName         = 253
	maxLabel        = 63
	maxMessage      = 4096
	domainPort      = 53
	maxServers      = 3 // as resolv.conf(5) has it
)

// ValidName reports whether a word can be the name of a host.
func ValidName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// Resolve returns the addresses of a name, in no particular order, one at least. Each server
// is given a time to answer.
func (r Resolver) Resolve(ctx context.Context, name string, patience time.Duration) ([]netip.Addr, error) {
	name = strings.TrimSuffix(name, ".")
	if all := r.hosts(name); len(all) > 0 {
		return all, nil
	}
	for _, server := range r.servers() {
		all, answered := ask(ctx, server, name, time.Now().Add(patience))
		if len(all) > 0 {
			return all, nil
		}
		if answered {
			return nil, ErrNoAddress
		}
	}
	return nil, ErrNoServer
}

// lines are the words of the lines of a file, comments left out.
func (r Resolver) lines(file string, fn func(words []string)) {
	text, err := os.ReadFile(filepath.Join(r.Dir, file))
	if err != nil {
		return // as if it were empty, as for every resolver
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 1 {
			fn(words)
		}
	}
}

func (r Resolver) hosts(name string) (all []netip.Addr) {
	r.lines("hosts", func(words []string) {
		a, err := netip.ParseAddr(words[0])
		for _, word := range words[1:] {
			if err == nil && strings.EqualFold(word, name) {
				all = unique(all, a)
			}
		}
	})
	return all
}

func (r Resolver) servers() (all []netip.AddrPort) {
	port := r.port
	if port == 0 {
		port = domainPort
	}
	r.lines("resolv.conf", func(words []string) {
		if a, err := netip.ParseAddr(words[1]); err == nil && words[0] == "nameserver" && len(all) < maxServers {
			all = append(all, netip.AddrPortFrom(a, port))
		}
	})
	if all == nil {
		all = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
	}
	return all
}

// ask asks a server for the addresses of both families, and reports whether it has answered
// for one at least. What is lost is asked for once more.
func ask(ctx context.Context, server netip.AddrPort, name string, deadline time.Time) (all []netip.Addr, answered bool) {
	domain := unix.AF_INET6
	if server.Addr().Is4() {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	s := socket(fd)
	defer s.close()
	if unix.Connect(fd, sockaddr(server)) != nil {
		return nil, false
	}
	open := []uint16{typeA, typeAAAA}
	for try := 0; try < 2 && len(open) > 0; try++ {
		half := time.Until(deadline) / time.Duration(2-try)
		open = s.exchange(ctx, name, open, time.Now().Add(half), func(found []netip.Addr) {
			answered = true
			for _, a := range found {
				all = unique(all, a)
			}
		})
	}
	return all, answered
}

// exchange sends the questions, and returns those without an answer.
func (s socket) exchange(ctx context.Context, name string, open []uint16, until time.Time, got func([]netip.Addr)) []uint16 {
	var random [2]byte
	_, _ = unix.Getrandom(random[:], 0) // of two bytes it gives both
	id := binary.BigEndian.Uint16(random[:])
	for _, typ := range open {
		_, _ = unix.Write(int(s), question(id, name, typ)) // what is lost is asked for again
	}
	for b := make([]byte, maxMessage); len(open) > 0 && s.await(ctx, unix.POLLIN, until); {
		n, err := unix.Read(int(s), b)
		if err != nil {
			if err == unix.ECONNREFUSED {
				return open
			}
			continue
		}
		for i, typ := range open {
			if found, ok := answer(b[:n], question(id, name, typ)); ok {
				got(found)
				open = append(open[:i:i], open[i+1:]...)
				break
			}
		}
	}
	return open
}

// question is a message that asks for one type of record of a valid name.
func question(id uint16, name string, typ uint16) []byte {
	b := make([]byte, headerLen, headerLen+len(name)+6)
	binary.BigEndian.PutUint16(b, id)
	binary.BigEndian.PutUint16(b[2:], flagRecurse)
	binary.BigEndian.PutUint16(b[4:], 1)
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint16(b, classIN)
}

// answer reads the addresses from the answer to a question. ok is false for what is none, or
// a failure of the server.
func answer(b, asked []byte) (all []netip.Addr, ok bool) {
	if len(b) < len(asked) || b[0] != asked[0] || b[1] != asked[1] || binary.BigEndian.Uint16(b[4:]) != 1 ||
		!strings.EqualFold(string(b[headerLen:len(asked)]), string(asked[headerLen:])) {
		return nil, false
	}
	flags := binary.BigEndian.Uint16(b[2:])
	code := flags & maskCode
	if flags&flagResponse == 0 || code != 0 && code != noSuchName {
		return nil, false
	}
	wanted := binary.BigEndian.Uint16(asked[len(asked)-4:])
	rest := b[len(asked):]
	for range binary.BigEndian.Uint16(b[6:]) {
		var typ uint16
		var data []byte
		if typ, data, rest, ok = record(rest); !ok {
			break
		}
		switch {
		case typ != wanted:
		case typ == typeA && len(data) == 4:
			all = unique(all, netip.AddrFrom4([4]byte(data)))
		case typ == typeAAAA && len(data) == 16:
			all = unique(all, netip.AddrFrom16([16]byte(data)))
		}
	}
	return all, true
}

// record cuts a resource record off (RFC 1035 section 4.1.3). Its name is not looked at: the
// server has followed the aliases.
func record(b []byte) (typ uint16, data, rest []byte, ok bool) {
	for {
		if len(b) == 0 {
			return 0, nil, nil, false
		}
		length := int(b[0])
		if length >= 0xc0 { // a pointer (section 4.1.4) ends a name
			length = 1
		}
		end := length == 1 && b[0] >= 0xc0 || length == 0
		if len(b) < 1+length {
			return 0, nil, nil, false
		}
		if b = b[1+length:]; end {
			break
		}
	}
	const fixed = 10
	if len(b) < fixed {
		return 0, nil, nil, false
	}
	length := int(binary.BigEndian.Uint16(b[8:]))
	if len(b) < fixed+length {
		return 0, nil, nil, false
	}
	typ = binary.BigEndian.Uint16(b)
	if binary.BigEndian.Uint16(b[2:]) != classIN {
		typ = 0
	}
	return typ, b[fixed : fixed+length], b[fixed+length:], true
}
