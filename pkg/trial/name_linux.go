// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"net/netip"
	"os"
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
	Dir string
	// Port is that of the servers.
	Port uint16
}

// DomainPort is the port of name servers (RFC 1035 section 4.2).
const DomainPort = 53

// Numbers of RFC 1035 section 3.2.2 to 4.1.1, and of RFC 3596 section 2.1.
const (
	typeA, typeAAAA = 1, 28
	classIN         = 1
	headerLen       = 12
	flagResponse    = 0x80 // in the third byte
	maskCode        = 0x0f // in the fourth
	noSuchName      = 3
	pointer         = 0xc0
	maxName         = 253
	maxLabel        = 63
	maxMessage      = 4096
)

// maxServers is how many servers of resolv.conf count (resolv.conf(5)); each is asked
// askTries times, and has askWait ms to answer.
const (
	maxServers = 3
	askTries   = 2
	askWait    = 1000
)

// ValidName reports whether a word can be the name of a host.
func ValidName(name string) bool {
	label := 0
	for _, c := range []byte(name) {
		switch {
		case c == '.' && label > 0:
			label = 0
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_':
			label++
		default:
			return false
		}
		if label > maxLabel {
			return false
		}
	}
	return label > 0 && len(name) <= maxName
}

// Resolve returns the addresses of a name, one at least.
func (r *Resolver) Resolve(ctx context.Context, name string) (all []string, err error) {
	var servers []string
	r.lines("hosts", func(words []string) {
		for _, word := range words[1:] {
			if strings.EqualFold(word, name) {
				all = append(all, words[0])
			}
		}
	})
	r.lines("resolv.conf", func(words []string) {
		if words[0] == "nameserver" && len(servers) < maxServers {
			servers = append(servers, words[1])
		}
	})
	if servers == nil {
		servers = []string{"127.0.0.1"}
	}
	c := &clock{ctx, time.Now()}
	err = ErrNoServer
	for _, server := range servers {
		if len(all) > 0 {
			return all, nil
		}
		if err == ErrNoAddress {
			break
		}
		for _, typ := range []byte{typeA, typeAAAA} {
			found, answered := r.ask(c, server, name, typ)
			if !answered {
				break
			}
			all = append(all, found...)
			err = ErrNoAddress
		}
	}
	if len(all) > 0 {
		err = nil
	}
	return all, err
}

// lines calls fn with the words of each line of a file, comments left out; there are two at
// least. A file that cannot be read is empty, as for every resolver.
func (r *Resolver) lines(file string, fn func(words []string)) {
	text, _ := os.ReadFile(r.Dir + "/" + file)
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 1 {
			fn(words)
		}
	}
}

// ask asks a server for the addresses of one family, and reports whether it has answered.
func (r *Resolver) ask(c *clock, server, name string, typ byte) (all []string, answered bool) {
	to, err := netip.ParseAddr(server)
	if err != nil {
		return nil, false
	}
	s, err := openAs(unix.SOCK_DGRAM, 0, to)
	if err != nil {
		return nil, false
	}
	defer s.close()
	err = unix.Connect(int(s), sockaddr(to, r.Port))
	b := make([]byte, maxMessage)
	_, _ = unix.Getrandom(b[:2], 0) // of two bytes it gives both
	q := question(b[:2], name, typ)
	for try := 0; try < askTries && err == nil; try++ {
		_, err = unix.Write(int(s), q)
		for until := c.now() + askWait; err == nil && s.await(c, unix.POLLIN, until); {
			n := 0
			if n, err = unix.Read(int(s), b); err == nil {
				if all, answered = answer(b[:n], q); answered {
					return all, true
				}
			}
		}
	}
	return nil, false
}

// question is a message that asks for one type of record of a valid name.
func question(id []byte, name string, typ byte) []byte {
	b := []byte(string(id) + "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00") // recursion is desired
	for _, label := range strings.Split(name, ".") {
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	return append(b, 0, 0, typ, 0, classIN)
}

// answer reads the addresses from the answer to a question. ok is false for what is none, or
// a failure of the server.
func answer(b, asked []byte) (all []string, ok bool) {
	if len(b) < len(asked) || string(b[:2]) != string(asked[:2]) || b[2]&flagResponse == 0 ||
		!strings.EqualFold(string(b[headerLen:len(asked)]), string(asked[headerLen:])) {
		return nil, false
	}
	if code := b[3] & maskCode; code != 0 && code != noSuchName {
		return nil, false
	}
	count := int(b[6])<<8 | int(b[7]) // the sections behind the answer are about other names
	for b = b[len(asked):]; count > 0; count-- {
		// The name is not looked at (RFC 1035 section 4.1.3): the server has followed the
		// aliases. A pointer (section 4.1.4) of two bytes ends it, or an empty label.
		at := 0
		for at < len(b) && b[at] != 0 && b[at] < pointer {
			at += 1 + int(b[at])
		}
		if at < len(b) && b[at] != 0 {
			at++
		}
		const fixed = 11 // the last byte of the name, type, class, time to live and length
		end := at + fixed
		if len(b) < end {
			break
		}
		data := end
		if end += int(b[data-2])<<8 | int(b[data-1]); len(b) < end {
			break
		}
		wanted := string(b[at+1:at+5]) == string(asked[len(asked)-4:])
		if a, is := netip.AddrFromSlice(b[data:end]); is && wanted {
			all = append(all, a.String())
		}
		b = b[end:]
	}
	return all, true
}
