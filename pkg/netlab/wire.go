// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"encoding/binary"
	"io"
)

// The protocol of a transfer. The client opens with a request of 33 bytes: the
// version, how many bytes of frames it wants, how many bytes per second at
// most (0: no limit), and the congestion control that the server is to use
// (TCP_CA_NAME_MAX bytes of include/net/tcp.h, padded with zeros). Then it sends
// its upload, and ends it by closing its side. The server answers in frames: how much of the upload has arrived, with as many
// bytes of download behind it.
const (
	wireVersion = 1
	requestLen  = 33
	frameLen    = 12 // bytes uploaded (8), bytes of download that follow (4)
	chunk       = 16 << 10
)

type request struct {
	down, rate uint64
	congestion string
}

func (r request) bytes() []byte {
	b := make([]byte, requestLen)
	b[0] = wireVersion
	binary.BigEndian.PutUint64(b[1:], r.down)
	binary.BigEndian.PutUint64(b[9:], r.rate)
	copy(b[17:], r.congestion)
	return b
}

func readRequest(from io.Reader) (request, bool) {
	b := make([]byte, requestLen)
	if _, err := io.ReadFull(from, b); err != nil || b[0] != wireVersion {
		return request{}, false
	}
	return request{
		down: binary.BigEndian.Uint64(b[1:]), rate: binary.BigEndian.Uint64(b[9:]),
		congestion: string(bytes.TrimRight(b[17:], "\x00")),
	}, true
}

// AskForOneByte asks the server at the other end of a connection for one byte, and
// waits for it as long as the connection's deadline lets it.
func AskForOneByte(conn io.ReadWriter) error {
	if _, err := conn.Write(request{down: 1}.bytes()); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, frameLen+1))
	return err
}

// frame writes the head of a frame into buffer and returns it with its download behind it.
func frame(buffer []byte, uploaded uint64, download int) []byte {
	binary.BigEndian.PutUint64(buffer, uploaded)
	binary.BigEndian.PutUint32(buffer[8:], uint32(download))
	return buffer[:frameLen+download]
}

func parseFrame(head []byte) (uploaded uint64, download int) {
	return binary.BigEndian.Uint64(head), int(binary.BigEndian.Uint32(head[8:]))
}
