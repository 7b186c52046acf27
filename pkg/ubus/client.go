// SPDX-License-Identifier: Apache-2.0

package ubus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Paths are where ubusd listens, in the order in which they are tried: today, and
// before 2021 (UBUS_UNIX_SOCKET in ubus's CMakeLists.txt).
var Paths = []string{"/var/run/ubus/ubus.sock", "/var/run/ubus.sock"}

// ErrProtocol says that the other end does not speak as ubusd does.
var ErrProtocol = errors.New("not the protocol of ubus")

// Status is the answer of the bus to what cannot be done (enum ubus_msg_status in
// ubusmsg.h). Errors are compatible with errors.Is(err, ubus.NotFound).
type Status uint32

// Statuses that a caller decides on.
const (
	MethodNotFound Status = 3
	NotFound       Status = 4 // no object of that name: its program does not run, or has not registered
	NoData         Status = 5

	PermissionDenied Status = 6
)

func (s Status) Error() string {
	switch s {
	case MethodNotFound:
		return "method not found"
	case NotFound:
		return "not found"
	case NoData:
		return "no data"
	case PermissionDenied:
		return "permission denied"
	}
	return fmt.Sprintf("status %d of ubus", uint32(s))
}

// Message types (enum ubus_msg_type) and the ids of attributes (enum ubus_msg_attr),
// both in ubusmsg.h.
const (
	msgHello  = 0
	msgStatus = 1
	msgData   = 2
	msgLookup = 4
	msgInvoke = 5

	attrStatus  = 1
	attrObjPath = 2
	attrObjID   = 3
	attrMethod  = 4
	attrData    = 7
)

// A message is a header of 8 bytes, version, type, sequence number and peer
// (struct ubus_msghdr in ubusmsg.h), and one attribute of id 0 that holds all others.
const msgHeader = 8

// maxMessage is the longest message (UBUS_MAX_MSGLEN in ubusmsg.h).
const maxMessage = 1 << 20

// maxForeign bounds how many messages that answer nothing are passed over, such as a
// late answer to an earlier request.
const maxForeign = 64

// Client is a connection to ubusd. It is not safe for concurrent use. The zero Client
// is of no use; Dial makes one.
//
// It has no poller: the bus answers within a tenth of a millisecond or so, and a poller
// would cost an event more system calls than it has of the bus.
type Client struct {
	fd       int
	ctx      context.Context
	deadline time.Time
	seq      uint16
}

// Dial connects, and waits until ubusd has greeted. Everything that the client does
// ends with ctx or after the timeout, with context.DeadlineExceeded. (A context that has
// the deadline itself would start a timer, and with it the poller.) The error is
// os.ErrNotExist where there is no such file.
func Dial(ctx context.Context, path string, timeout time.Duration) (*Client, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("ubus: %w", err)
	}
	c := &Client{fd: fd, ctx: ctx, deadline: time.Now().Add(timeout)}
	if err := c.connect(path); err != nil {
		return nil, errors.Join(fmt.Errorf("ubus: connecting to %s: %w", path, err), c.Close())
	}
	if err := c.hello(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// connectRetry is how often a full queue of connections is tried again.
const connectRetry = 10 * time.Millisecond

// connect waits while ubusd has not taken the connections before this one
// (unix_stream_connect in net/unix/af_unix.c answers EAGAIN then).
func (c *Client) connect(path string) error {
	for {
		err := unix.Connect(c.fd, &unix.SockaddrUnix{Name: path})
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if err := c.ended(); err != nil {
			return err
		}
		time.Sleep(connectRetry)
	}
}

// ended is why the client has to give up.
func (c *Client) ended() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Close ends the connection.
func (c *Client) Close() error {
	return unix.Close(c.fd)
}

func (c *Client) hello() error {
	m, err := c.receive()
	if err == nil && m.typ != msgHello {
		err = fmt.Errorf("%w: type %d where a greeting should be", ErrProtocol, m.typ)
	}
	return c.wrap("waiting for ubusd", err)
}

// Invoke looks an object up, and sends the invocation of its method without
// arguments. Answer waits for the answer. The error is NotFound where there is no
// such object, and PermissionDenied where the caller may not see it: on OpenWrt most
// objects are for root alone.
func (c *Client) Invoke(object, method string) error {
	err := c.invoke(object, method)
	return c.wrap(object+" "+method, err)
}

func (c *Client) invoke(object, method string) error {
	if err := c.send(msgLookup, 0, appendText(nil, attrObjPath, object)); err != nil {
		return err
	}
	var id []byte
	err := c.answers(func(attrs map[uint8][]byte) error {
		if id = attrs[attrObjID]; len(id) != 4 {
			return fmt.Errorf("%w: an object without id", ErrProtocol)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if id == nil { // it is there (ubusd_send_obj in ubusd_proto.c)
		return PermissionDenied
	}
	body := appendText(appendAttr(nil, attrObjID, id), attrMethod, method)
	return c.send(msgInvoke, binary.BigEndian.Uint32(id), appendAttr(body, attrData, nil))
}

// Answer is the answer to what was invoked, a table. The error is MethodNotFound, or
// NoData where the method has answered nothing.
func (c *Client) Answer() (Value, error) {
	var answer Value
	err := c.answers(func(attrs map[uint8][]byte) error {
		data, there := attrs[attrData]
		if !there {
			return fmt.Errorf("%w: an answer without data", ErrProtocol)
		}
		answer = Value{Table, data}
		return answer.check(0)
	})
	if err == nil && answer.typ == 0 {
		err = NoData
	}
	return answer, c.wrap("waiting for the answer", err)
}

// answers calls data for each message of data that answers the request that was sent
// last, up to the status that ends them.
func (c *Client) answers(data func(attrs map[uint8][]byte) error) error {
	for foreign := 0; foreign < maxForeign; {
		m, err := c.receive()
		if err != nil {
			return err
		}
		attrs, err := m.attrs()
		switch {
		case err != nil:
			return err
		case m.seq != c.seq:
			foreign++
		case m.typ == msgData:
			if err := data(attrs); err != nil {
				return err
			}
		case m.typ == msgStatus:
			code := attrs[attrStatus]
			if len(code) != 4 {
				return fmt.Errorf("%w: a status without code", ErrProtocol)
			}
			if status := Status(binary.BigEndian.Uint32(code)); status != 0 {
				return status
			}
			return nil
		default:
			foreign++
		}
	}
	return fmt.Errorf("%w: %d messages that answer nothing", ErrProtocol, maxForeign)
}

// message is a received message.
type message struct {
	typ  uint8
	seq  uint16
	body []byte // of the attribute that holds all others
}

func (c *Client) receive() (message, error) {
	var head [msgHeader + attrHeader]byte
	if _, err := io.ReadFull(reader{c}, head[:]); err != nil {
		return message{}, err
	}
	outer := binary.BigEndian.Uint32(head[msgHeader:])
	size := int(outer & attrLenMask)
	if head[0] != 0 || outer>>attrIDShift != 0 || size < attrHeader || size > maxMessage {
		return message{}, fmt.Errorf("%w: a message that begins with %x", ErrProtocol, head)
	}
	m := message{typ: head[1], seq: binary.BigEndian.Uint16(head[2:]), body: make([]byte, size-attrHeader)}
	_, err := io.ReadFull(reader{c}, m.body)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// attrs are the attributes of a message by their ids; each may be there once.
func (m message) attrs() (map[uint8][]byte, error) {
	all := make(map[uint8][]byte)
	for rest := m.body; len(rest) > 0; {
		a, after, err := cut(rest)
		if err != nil {
			return nil, err
		}
		if _, twice := all[a.id]; twice {
			return nil, fmt.Errorf("%w: attribute %d twice", ErrProtocol, a.id)
		}
		all[a.id], rest = a.data, after
	}
	return all, nil
}

// send begins a request. Its answers have its sequence number.
func (c *Client) send(typ uint8, peer uint32, body []byte) error {
	c.seq++
	b := binary.BigEndian.AppendUint16([]byte{0, typ}, c.seq)
	b = binary.BigEndian.AppendUint32(b, peer)
	for b = appendAttr(b, 0, body); len(b) > 0; {
		n, err := c.whenReady(unix.POLLOUT, func() (int, error) { return unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL) })
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// reader reads the socket of a client.
type reader struct{ *Client }

func (r reader) Read(b []byte) (int, error) {
	n, err := r.whenReady(unix.POLLIN, func() (int, error) {
		n, _, err := unix.Recvfrom(r.fd, b, 0)
		return n, err
	})
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// interruptEvery is how long a wait does not see the end of its context.
const interruptEvery = 100 * time.Millisecond

// whenReady tries a system call, and again whenever the socket is ready for it, until
// the context ends.
func (c *Client) whenReady(event int16, try func() (int, error)) (int, error) {
	for {
		n, err := try()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return max(n, 0), err
		}
		if err := c.ended(); err != nil {
			return 0, err
		}
		wait := min(interruptEvery, time.Until(c.deadline)+time.Millisecond)
		fds := []unix.PollFd{{Fd: int32(c.fd), Events: event}}
		if _, err := unix.Poll(fds, int(max(wait, 0).Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("poll: %w", err)
		}
	}
}

func appendAttr(b []byte, id uint8, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(id)<<attrIDShift|uint32(attrHeader+len(data)))
	b = append(b, data...)
	return append(b, make([]byte, padded(len(data))-len(data))...)
}

func appendText(b []byte, id uint8, text string) []byte {
	return appendAttr(b, id, append([]byte(text), 0))
}

// wrap says what was being done, and names what ended it.
func (c *Client) wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("ubusd has ended the connection")
	}
	return fmt.Errorf("ubus: %s: %w", what, err)
}
