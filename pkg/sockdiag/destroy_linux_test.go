// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/strange"
)

// TestDestroyEndsOneSubflow: the connection carries on over the other.
func TestDestroyEndsOneSubflow(t *testing.T) {
	for name, at := range map[string][3]string{"IPv4": {"10.0.0.1", "10.0.0.2", "10.0.0.100"}, "IPv6": {"fd00::1", "fd00::2", "fd00::100"}} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			client, server := p.dial(at[0], at[2])
			p.add(0, map[uint8]string{2: at[1]})
			joined := func(c Connection) (s Subflow) {
				for _, f := range c.Subflows {
					if f.Local.Addr().String() == at[1] && f.Flags&FullyEstablished != 0 {
						s = f
					}
				}
				return s
			}
			target := joined(p.client.await("a second subflow", func(c Connection) bool { return joined(c).Cookie != 0 }))
			wrong := target.Socket
			wrong[len(wrong)-1]++ // its cookie
			p.client.do(func() error { return Destroy(wrong) })
			if got := joined(p.client.connections()[0]); got.Cookie != target.Cookie {
				t.Fatalf("after ending another one with its addresses: %v, want %v", got, target)
			}
			p.client.do(func() error { return Destroy(target.Socket) })
			p.client.await("the end of the second subflow", func(c Connection) bool { return len(c.Subflows) == 1 && joined(c).Cookie == 0 })
			transfer(t, client, server, 100_000)
			transfer(t, server, client, 100_000)
			p.client.do(func() error { return Destroy(target.Socket) }) // what is gone is no failure
		})
	}
}

// TestDestroyWhereTheKernelCannot: kernels without CONFIG_INET_DIAG_DESTROY say so.
func TestDestroyWhereTheKernelCannot(t *testing.T) {
	t.Parallel()
	for errno, want := range map[unix.Errno]error{unix.EOPNOTSUPP: ErrNoDestroy, unix.EPERM: os.ErrPermission, unix.ESTALE: nil} {
		s := strange.Dial(t, 1, func(request netlink.Header, far *os.File) {
			b := make([]byte, 36)
			binary.NativeEndian.PutUint32(b, uint32(len(b)))
			binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_ERROR)
			binary.NativeEndian.PutUint32(b[8:], request.Sequence)
			binary.NativeEndian.PutUint32(b[16:], uint32(-int32(errno)))
			if _, err := far.Write(b); err != nil || request.Type != sockDestroy {
				t.Errorf("request %+v: %v", request, err)
			}
		})
		k := &kernel{s}
		err := k.destroy(Socket{unix.AF_INET})
		if !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", errno, err, want)
		}
	}
}
