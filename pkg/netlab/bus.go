// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"sync"
	"time"
)

// busObject is the id that network.interface has on the lab's bus.
const busObject = 0x45a96a30

// Bus is a socket that stands in for that of ubusd: it answers `network.interface dump`
// from the lab's state, in the bytes that the real one sends.
type Bus struct {
	Path string
	lab  *Lab
	l    net.Listener
	all  sync.WaitGroup

	mu     sync.Mutex
	how    Misbehaviour
	frozen []byte // what dump answers, if it is always the same
	open   []net.Conn
}

// ListenBus makes the socket.
func (l *Lab) ListenBus(path string) (*Bus, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	b := &Bus{Path: path, lab: l, l: listener}
	b.all.Go(b.accept)
	return b, nil
}

// Break makes it misbehave until it is told to Behave.
func (b *Bus) Break(how Misbehaviour) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.how = how
}

// Freeze makes it answer from now on as of now, without a look at the lab, so that an
// answer costs what it does not cost netifd either.
func (b *Bus) Freeze() error {
	answer, err := b.dump()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frozen = answer
	return err
}

// Answers are what it sends to a client that asks for the dump: at first, to the lookup,
// which has the number 1, and to the invocation.
func (b *Bus) Answers() [][]byte {
	b.mu.Lock()
	how := b.how
	b.mu.Unlock()
	return [][]byte{
		hello,
		b.reply(4, []byte{0, 1}, []byte("network.interface\x00"), how),
		b.reply(5, []byte{0, 2}, []byte("dump\x00"), how),
	}
}

// hello is how ubusd greets.
var hello = []byte{0, 0, 0, 0, 0xc6, 0xa6, 0x7e, 0x59, 0, 0, 0, 4}

// dump is the answer of netifd.
func (b *Bus) dump() ([]byte, error) {
	b.mu.Lock()
	frozen := b.frozen
	b.mu.Unlock()
	if frozen != nil {
		return frozen, nil
	}
	s, err := readState(b.lab.Dir)
	if err != nil {
		return nil, err
	}
	answer, err := plain(s.dump(time.Now()))
	return busItems(answer), err
}

// Close ends it, and all connections.
func (b *Bus) Close() error {
	err := b.l.Close()
	b.mu.Lock()
	for _, c := range b.open {
		_ = c.Close() // it may have ended before
	}
	b.mu.Unlock()
	b.all.Wait()
	return err
}

func (b *Bus) accept() {
	for {
		c, err := b.l.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open = append(b.open, c)
		how := b.how
		b.mu.Unlock()
		b.all.Go(func() {
			_ = b.serve(c, how) // the client has gone
			_ = c.Close()
		})
	}
}

func (b *Bus) serve(c net.Conn, how Misbehaviour) error {
	switch how {
	case Unreachable:
		return nil
	case Garbage:
		_, err := io.WriteString(c, "220 mail.example ESMTP ready\r\n")
		return err
	case Hang:
		_, err := io.Copy(io.Discard, c)
		return err
	}
	if _, err := c.Write(hello); err != nil {
		return err
	}
	for {
		head := make([]byte, 12)
		if _, err := io.ReadFull(c, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[8:])&0xffffff-4)
		if _, err := io.ReadFull(c, body); err != nil {
			return err
		}
		reply := b.reply(head[1], head[2:4], body, how)
		if how == Truncated && head[1] == 5 {
			_, err := c.Write(reply[:len(reply)/2])
			return err
		}
		if _, err := c.Write(reply); err != nil {
			return err
		}
	}
}

// reply is what the bus sends to a lookup (type 4) or an invocation (5).
func (b *Bus) reply(typ byte, seq, body []byte, how Misbehaviour) []byte {
	status := func(code byte) []byte { return busMessage(1, seq, busAttr(1, []byte{0, 0, 0, code})) }
	id := busAttr(3, binary.BigEndian.AppendUint32(nil, busObject))
	switch {
	case how == Timeout:
		return status(ubusTimeout)
	case typ == 4 && (how == Absent || !bytes.Contains(body, []byte("network.interface\x00"))):
		return status(ubusNotFound)
	case typ == 4:
		return append(busMessage(2, seq, append(busAttr(2, []byte("network.interface\x00")), id...)), status(0)...)
	case !bytes.Contains(body, []byte("dump\x00")):
		return status(3)
	case how == Silent:
		return status(0)
	}
	answer, err := b.dump()
	if err != nil {
		return status(9) // UBUS_STATUS_UNKNOWN_ERROR
	}
	return append(busMessage(2, seq, append(id, busAttr(7, answer)...)), status(0)...)
}

// plain is a value as JSON knows it.
func plain(v any) (answer any, err error) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

func busMessage(typ byte, seq, body []byte) []byte {
	return append([]byte{0, typ, seq[0], seq[1], 0x45, 0xa9, 0x6a, 0x30}, busAttr(0, body)...)
}

// busAttr is a blob attribute (libubox's blob.h).
func busAttr(id byte, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(id)<<24|uint32(4+len(data)))
	return append(append(b, data...), make([]byte, -len(data)&3)...)
}

// busItems are the items of a table or a list, each an extended attribute with a name
// (libubox's blobmsg.h).
func busItems(v any) (b []byte) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = append(b, busItem(name, v[name])...)
		}
	case []any:
		for _, item := range v {
			b = append(b, busItem("", item)...)
		}
	}
	return b
}

func busItem(name string, v any) []byte {
	head := append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...)
	head = append(append(head, 0), make([]byte, -(len(name)+3)&3)...)
	var typ byte
	var data []byte
	switch v := v.(type) {
	case []any:
		typ, data = 1, busItems(v)
	case map[string]any:
		typ, data = 2, busItems(v)
	case string:
		typ, data = 3, append([]byte(v), 0)
	case bool:
		typ, data = 7, []byte{0}
		if v {
			data[0] = 1
		}
	case float64:
		// netifd sends what is unsigned with the same type.
		typ, data = 5, binary.BigEndian.AppendUint32(nil, uint32(int64(v)))
		if math.Abs(v) > math.MaxUint32 {
			typ, data = 4, binary.BigEndian.AppendUint64(nil, uint64(int64(v)))
		}
	case nil:
	default:
		panic(fmt.Sprintf("JSON has no %T", v))
	}
	b := busAttr(typ, append(head, data...))
	b[0] |= 0x80
	return b
}
