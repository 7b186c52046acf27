// SPDX-License-Identifier: Apache-2.0

package ubus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/ubusd"
)

// replay answers as the real ubusd has, and takes only what the real libubus has sent.
func replay(t testing.TB, messages []ubusd.Message) func(net.Conn) {
	return func(c net.Conn) {
		for _, m := range messages {
			if !m.Sent {
				if _, err := c.Write(m.Data); err != nil {
					t.Error(err)
					return
				}
				continue
			}
			got := make([]byte, len(m.Data))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, m.Data) {
				t.Errorf("%s: %v\nsent %x\nwant %x", m.What, err, got, m.Data)
				return
			}
		}
		_, _ = c.Read(make([]byte, 1)) // until the client goes
	}
}

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTheRecordedSession(t *testing.T) {
	t.Parallel()
	c := dial(t, ubusd.Listen(t, replay(t, ubusd.Session(t)[:7])))
	if err := c.Invoke("network.interface", "dump"); err != nil {
		t.Fatal(err)
	}
	answer, err := c.Answer()
	if err != nil {
		t.Fatal(err)
	}
	want := fastjson.MustParseBytes(ubusd.Dump)
	compare(t, "", want, answer)
	if n := len(want.GetArray("interface")); n < 4 {
		t.Errorf("%d interfaces", n)
	}
}

// compare asserts that a value is what the ubus program has printed of it. uptimes
// were other ones.
func compare(t *testing.T, path string, want *fastjson.Value, got Value) {
	t.Helper()
	switch want.Type() {
	case fastjson.TypeObject:
		n := 0
		for range got.Items() {
			n++
		}
		if o := want.GetObject(); o.Len() != n || got.Type() != Table {
			t.Errorf("%s: %d items of type %d, want %d", path, n, got.Type(), o.Len())
		}
		want.GetObject().Visit(func(key []byte, item *fastjson.Value) {
			if string(key) != "uptime" {
				compare(t, path+"."+string(key), item, got.Get(string(key)))
			}
		})
	case fastjson.TypeArray:
		var items []Value
		for _, item := range got.Items() {
			items = append(items, item)
		}
		if len(items) != len(want.GetArray()) || got.Type() != Array {
			t.Errorf("%s: %d items of type %d, want %d", path, len(items), got.Type(), len(want.GetArray()))
			return
		}
		for i, item := range want.GetArray() {
			compare(t, path+"[]", item, items[i])
		}
	case fastjson.TypeString:
		if got.Type() != String || got.Text() != string(want.GetStringBytes()) {
			t.Errorf("%s: %q of type %d, want %s", path, got.Text(), got.Type(), want)
		}
	case fastjson.TypeTrue, fastjson.TypeFalse:
		if got.Type() != Int8 || got.Bool() != want.GetBool() {
			t.Errorf("%s: %v of type %d, want %s", path, got.Bool(), got.Type(), want)
		}
	case fastjson.TypeNumber:
		if got.Int() != want.GetInt64() || got.Type() == 0 {
			t.Errorf("%s: %d of type %d, want %s", path, got.Int(), got.Type(), want)
		}
	default:
		t.Errorf("%s: %s is not compared", path, want)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	all := ubusd.Session(t)
	// Requests are numbered from 1 in each connection.
	numbered := func(m ubusd.Message, seq byte) ubusd.Message {
		m.Data = bytes.Clone(m.Data)
		m.Data[3] = seq
		return m
	}
	c := dial(t, ubusd.Listen(t, replay(t, []ubusd.Message{all[0], numbered(all[7], 1), numbered(all[8], 1)})))
	if err := c.Invoke("no.such", "dump"); !errors.Is(err, NotFound) {
		t.Errorf("%v, want %v", err, NotFound)
	}
	c = dial(t, ubusd.Listen(t, replay(t, []ubusd.Message{all[0], all[1], all[2], all[3], numbered(all[9], 2), numbered(all[10], 2)})))
	if err := c.Invoke("network.interface", "nosuch"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Answer(); !errors.Is(err, MethodNotFound) {
		t.Errorf("%v, want %v", err, MethodNotFound)
	}
	c = dial(t, ubusd.Listen(t, replay(t, []ubusd.Message{all[0], all[1], all[3]})))
	if err := c.Invoke("network.interface", "dump"); !errors.Is(err, PermissionDenied) {
		t.Errorf("%v, want %v", err, PermissionDenied)
	}
	if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none"), time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
}

// TestWhatDoesNotSpeakAsUbusd is about everything that may listen there, and about
// ubusd in trouble.
func TestWhatDoesNotSpeakAsUbusd(t *testing.T) {
	t.Parallel()
	all := ubusd.Session(t)
	write := func(c net.Conn, parts ...[]byte) {
		_, _ = c.Write(bytes.Join(parts, nil)) // the client may have gone
	}
	take := func(c net.Conn, m ubusd.Message) { _, _ = io.ReadFull(c, make([]byte, len(m.Data))) }
	patched := func(m ubusd.Message, at int, with ...byte) []byte {
		data := bytes.Clone(m.Data)
		copy(data[at:], with)
		return data
	}
	opening := func(c net.Conn) {
		write(c, all[0].Data)
		take(c, all[1])
		write(c, all[2].Data, all[3].Data)
		take(c, all[4])
	}
	foreign := patched(all[5], 3, 77) // of another request
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  error
		text  string
	}{
		{"another program", func(c net.Conn) { write(c, []byte("220 mail.example ESMTP ready\r\n")) }, ErrProtocol, ""},
		{"an end at once", func(net.Conn) {}, nil, "ubusd has ended the connection"},
		{"an end within the greeting", func(c net.Conn) { write(c, all[0].Data[:7]) }, nil, "ubusd has ended the connection"},
		{"an end after the lookup", func(c net.Conn) { write(c, all[0].Data); take(c, all[1]) }, nil, "ubusd has ended the connection"},
		{"an end within the answer", func(c net.Conn) { opening(c); write(c, all[5].Data[:1000]) }, nil, "ubusd has ended the connection"},
		{"an end before the status", func(c net.Conn) { opening(c); write(c, all[5].Data) }, nil, "ubusd has ended the connection"},
		{"no greeting, but an answer", func(c net.Conn) { write(c, all[3].Data) }, ErrProtocol, ""},
		{"another version", func(c net.Conn) { write(c, patched(all[0], 0, 1)) }, ErrProtocol, ""},
		{"a message that is too long", func(c net.Conn) { opening(c); write(c, patched(all[5], 8, 0, 0x10, 0, 4)) }, ErrProtocol, ""},
		{"a message that is too short", func(c net.Conn) { opening(c); write(c, patched(all[5], 8, 0, 0, 0, 3)) }, ErrProtocol, ""},
		{"an attribute beyond the message", func(c net.Conn) { opening(c); write(c, patched(all[5], 20, 7, 0, 0x0c, 0x25)) }, ErrProtocol, ""},
		{"a status without code", func(c net.Conn) {
			opening(c)
			write(c, []byte{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4})
		}, ErrProtocol, ""},
		{"an answer without data", func(c net.Conn) { opening(c); write(c, patched(all[5], 20, 5)) }, ErrProtocol, ""},
		{"no data at all", func(c net.Conn) { opening(c); write(c, patched(all[3], 3, 2)) }, NoData, ""},
		{"foreign messages without end", func(c net.Conn) {
			opening(c)
			write(c, bytes.Repeat(foreign, maxForeign+1))
		}, ErrProtocol, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := ask(t.Context(), ubusd.Listen(t, tt.serve), time.Minute)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v %s", err, tt.want, tt.text)
			}
			if tt.want == nil && errors.Is(err, ErrProtocol) {
				t.Errorf("%v is said to be the protocol's", err)
			}
		})
	}
	// What answers something else first is no trouble.
	path := ubusd.Listen(t, func(c net.Conn) {
		opening(c)
		write(c, foreign, all[5].Data[:20])
		write(c, all[5].Data[20:], patched(all[3], 3, 2))
		_, _ = c.Read(make([]byte, 1))
	})
	if err := ask(t.Context(), path, time.Minute); err != nil {
		t.Error(err)
	}
}

func ask(ctx context.Context, path string, timeout time.Duration) error {
	c, err := Dial(ctx, path, timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Invoke("network.interface", "dump"); err != nil {
		return err
	}
	_, err = c.Answer()
	return err
}

// TestSilence ends with the timeout or the context, whatever is being waited for.
func TestSilence(t *testing.T) {
	t.Parallel()
	all := ubusd.Session(t)
	wait := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, serve := range map[string]func(net.Conn){
		"no greeting": wait,
		"no object":   func(c net.Conn) { _, _ = c.Write(all[0].Data); wait(c) },
		"no answer": func(c net.Conn) {
			_, _ = c.Write(bytes.Join([][]byte{all[0].Data, all[2].Data, all[3].Data}, nil))
			wait(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ask(t.Context(), ubusd.Listen(t, serve), 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want %v", err, context.DeadlineExceeded)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if err := ask(ctx, ubusd.Listen(t, serve), time.Minute); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want %v", err, context.Canceled)
			}
		})
	}
}

func TestValuesOfEveryType(t *testing.T) {
	t.Parallel()
	item := func(typ Type, name string, data ...byte) []byte {
		body := append([]byte{0, byte(len(name))}, name...)
		body = append(body, make([]byte, padded(2+len(name)+1)-2-len(name))...)
		b := appendAttr(nil, uint8(typ), append(body, data...))
		b[0] |= 0x80
		return b
	}
	table := Value{Table, bytes.Join([][]byte{
		item(Int64, "long", 0x80, 0, 0, 0, 0, 0, 0, 1), item(Int32, "int", 0xff, 0xff, 0xff, 0xfe), item(Int16, "short", 0x7f, 0xff),
		item(Int8, "yes", 1), item(Int8, "no", 0), item(String, "text", 'a', 0), item(String, "empty", 0), item(0, "null"),
		item(Double, "double", 0, 0, 0, 0, 0, 0, 0, 0), item(Array, "list", item(String, "", 'b', 0)...), item(Table, "table"),
	}, nil)}
	if err := table.check(0); err != nil {
		t.Fatal(err)
	}
	got := []any{
		table.Get("long").Int(), table.Get("int").Int(), table.Get("short").Int(), table.Get("yes").Bool(), table.Get("no").Bool(),
		table.Get("text").Text(), table.Get("empty").Text(), table.Get("null").Type(), table.Get("none").Type(), table.Get("double").Int(),
		table.Get("text").Int(), table.Get("int").Text(), table.Get("text").Bool(), table.Get("list").Get("").Type(), table.Get("text").Get("a").Type(),
	}
	want := []any{
		int64(-1<<63 + 1), int64(-2), int64(32767), true, false, "a", "", Type(0), Type(0), int64(0), int64(0), "", false, Type(0), Type(0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	deep := item(Table, "")
	for range maxDepth + 1 {
		deep = item(Table, "", deep...)
	}
	for name, data := range map[string][]byte{
		"too deep": deep, "a string without end": item(String, "s", 'a'), "a string of nothing": item(String, "s"), "a short number": item(Int32, "n", 1),
		"a type that is none": item(9, "x", 1), "half a header": {1, 2}, "a name beyond its item": {0x83, 0, 0, 8, 0, 200, 'a', 0},
		"no name": appendAttr(nil, uint8(String), []byte("abcd")), "an item beyond its table": {0x83, 0, 1, 0},
	} {
		if err := (Value{Table, data}).check(0); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzValue: what passes the check can be read, and is no longer than what was sent.
func FuzzValue(f *testing.F) {
	for _, m := range ubusd.Session(f) {
		f.Add(m.Data[12:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v := Value{Table, data}
		if v.check(0) != nil {
			return
		}
		length := 0
		var read func(Value)
		read = func(v Value) {
			length += len(v.Text())
			_, _ = v.Int(), v.Bool()
			for name, item := range v.Items() {
				length += len(name)
				read(item)
			}
		}
		read(v)
		if length > len(data) {
			t.Errorf("%d bytes read from %d", length, len(data))
		}
	})
}
