// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/strange"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func newStrangeKernel(t *testing.T, hurry time.Duration, answer func(seq uint32, far *os.File)) *Kernel {
	t.Helper()
	s := strange.Dial(t, hurry, func(request netlink.Header, far *os.File) { answer(request.Sequence, far) })
	return &Kernel{route: &conn{Socket: s}}
}

// answerOf is a message of an answer in parts.
func answerOf(typ uint16, seq uint32, body []byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	binary.NativeEndian.PutUint32(b, uint32(cap(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_MULTI)
	binary.NativeEndian.PutUint32(b[8:], seq)
	return append(b, body...)
}

// batchOfRoutes are n host routes of table 9.
func batchOfRoutes(seq uint32, n int) (batch []byte) {
	route := make([]byte, unix.SizeofRtMsg)
	route[0], route[1], route[4], route[7] = unix.AF_INET, 32, 9, unix.RTN_UNICAST
	for range n {
		batch = append(batch, answerOf(unix.RTM_NEWROUTE, seq, route)...)
	}
	return batch
}

// write writes until the test has closed the socket.
func write(far *os.File, batch []byte) bool {
	_, err := far.Write(batch)
	return err == nil
}

// tooMany answers with more routes than are kept, and ends.
func tooMany(seq uint32, far *os.File) {
	for n := 0; n <= 2*maxObjects; n += 100 { // as much as two families
		write(far, batchOfRoutes(seq, 100))
	}
	write(far, answerOf(unix.NLMSG_DONE, seq, make([]byte, 4)))
}

func TestAnswersThatAreTooLong(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(seq uint32, far *os.File)
		want   error
	}{
		"routes without end": {func(seq uint32, far *os.File) {
			for b := batchOfRoutes(seq, 3); write(far, b); {
			}
		}, errEndless},
		"answers to others without end": {func(seq uint32, far *os.File) {
			for b := batchOfRoutes(seq+1, 1); write(far, b); {
			}
		}, errEndless},
		"more routes than are kept": {tooMany, errTooMany},
	} {
		t.Run(name, func(t *testing.T) {
			k := newStrangeKernel(t, 1, tt.answer)
			if all, err := k.routes(routeFilter{table: 9}); !errors.Is(err, tt.want) || len(all) != 0 {
				t.Errorf("%d routes, error %v, want %v", len(all), err, tt.want)
			}
		})
	}
}

// TestARefusalOfWhatNobodySent is not looked into: batch.Split says why.
func TestARefusalOfWhatNobodySent(t *testing.T) {
	for length, want := range map[uint32]string{
		unix.SizeofNlMsghdr: "no such table: invalid argument",
		batch.MaxLen + 1:    "malformed batch: a refusal of a request longer than a batch",
	} {
		k := newStrangeKernel(t, 1, func(seq uint32, far *os.File) {
			body := make([]byte, 20)
			binary.NativeEndian.PutUint32(body, ^uint32(unix.EINVAL)+1)
			binary.NativeEndian.PutUint32(body[4:], length)
			body = append(append(body, 18, 0, unix.NLMSGERR_ATTR_MSG, 0), "no such table\x00\x00\x00"...)
			m := answerOf(unix.NLMSG_ERROR, seq, body)
			binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_ACK_TLVS)
			write(far, m)
		})
		if _, err := k.routes(routeFilter{table: 9}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("a request of %d bytes: error %v, want %s", length, err, want)
		}
	}
}

func TestSilentKernel(t *testing.T) {
	k := newStrangeKernel(t, 1000, func(uint32, *os.File) {})
	if _, err := k.routes(routeFilter{table: 9}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want that of a deadline", err)
	}
}

// TestALongForeignTable is only asked whether it has a default route.
func TestALongForeignTable(t *testing.T) {
	k := newStrangeKernel(t, 1, tooMany)
	if leads, err := k.LeadsEverywhere(plan.IPv4, 9); leads || err != nil {
		t.Errorf("%v, error %v", leads, err)
	}
}
