// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"time"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connection has "token" (hexadecimal, empty for a connection that never tried
// MPTCP), "local", "local_port", "remote", "remote_port", "state", "fallback",
// "subflows", "bytes_sent", "bytes_retransmitted" (across subflows), "bytes_acked" and
// "bytes_received"; these four are null before Linux 6.5, which does not count them.
// With --watch it has "out_bits_per_second" (acknowledged) and "in_bits_per_second"
// once they are measured.
func (w *connectionJSON) connection(c *sockdiag.Connection) *fastjson.Value {
	o := w.arena.NewObject()
	var token text
	if c.Token != 0 {
		token.token(c.Token)
	}
	o.Set("token", w.arena.NewStringBytes(token))
	w.path(o, c.Local, c.Remote, c.State)
	o.Set("fallback", jsonBool(&w.arena, c.Fallback))
	for _, n := range [...]jsonNumber{
		{"bytes_sent", c.MPTCP.BytesSent}, {"bytes_retransmitted", c.MPTCP.BytesRetrans},
		{"bytes_acked", c.MPTCP.BytesAcked}, {"bytes_received", c.MPTCP.BytesReceived},
	} {
		if c.MPTCP.Counted {
			w.numbers(o, n)
		} else {
			o.Set(n.key, w.arena.NewNull())
		}
	}
	if w.rates != nil {
		rate, known := w.rates.ofConnection(c)
		w.measured(o, rate, known)
	}
	list := w.arena.NewArray()
	for i := range c.Subflows {
		list.SetArrayItem(i, w.subflow(&c.Subflows[i]))
	}
	o.Set("subflows", list)
	return o
}

// subflow has "interface", "device", the path and "state" as a connection,
// "backup", "peer_backup", "local_id", "remote_id", "rtt_us", "cwnd" (segments),
// "bytes_sent" (with "bytes_retransmitted"), "bytes_acked", "bytes_received",
// "retransmissions" (segments), "delivery_bits_per_second" (the kernel's estimate,
// a lower bound if "app_limited"), "last_sent_ms" and "last_received_ms" (ago), and with --watch
// the measured rates.
func (w *connectionJSON) subflow(s *sockdiag.Subflow) *fastjson.Value {
	o := w.arena.NewObject()
	o.Set("interface", w.arena.NewString(w.list.names.of(s.Local.Addr(), s.IfIndex)))
	o.Set("device", w.arena.NewString(w.list.names.device(s)))
	w.path(o, s.Local, s.Remote, s.State)
	o.Set("backup", jsonBool(&w.arena, s.Flags&sockdiag.BackupLocal != 0))
	o.Set("peer_backup", jsonBool(&w.arena, s.Flags&sockdiag.BackupRemote != 0))
	o.Set("app_limited", jsonBool(&w.arena, s.TCP.AppLimited))
	w.numbers(o, jsonNumber{"local_id", uint64(s.LocalID)}, jsonNumber{"remote_id", uint64(s.RemoteID)},
		jsonNumber{"rtt_us", uint64(s.TCP.RTT / time.Microsecond)}, jsonNumber{"cwnd", uint64(s.TCP.Cwnd)},
		jsonNumber{"bytes_sent", s.TCP.BytesSent}, jsonNumber{"bytes_retransmitted", s.TCP.BytesRetrans},
		jsonNumber{"bytes_acked", s.TCP.BytesAcked}, jsonNumber{"bytes_received", s.TCP.BytesReceived},
		jsonNumber{"retransmissions", uint64(s.TCP.Retrans)}, jsonNumber{"delivery_bits_per_second", 8 * s.TCP.DeliveryRate},
		jsonNumber{"last_sent_ms", uint64(s.TCP.LastSent / time.Millisecond)},
		jsonNumber{"last_received_ms", uint64(s.TCP.LastReceived / time.Millisecond)})
	if w.rates != nil {
		rate, known := w.rates.of(s)
		w.measured(o, rate, known)
	}
	return o
}

func (w *connectionJSON) path(o *fastjson.Value, local, remote netip.AddrPort, state sockdiag.State) {
	o.Set("local", w.arena.NewString(local.Addr().String()))
	w.numbers(o, jsonNumber{"local_port", uint64(local.Port())})
	o.Set("remote", w.arena.NewString(remote.Addr().String()))
	w.numbers(o, jsonNumber{"remote_port", uint64(remote.Port())})
	o.Set("state", w.arena.NewString(state.String()))
}

func (w *connectionJSON) measured(o *fastjson.Value, rate traffic, known bool) {
	if known {
		w.numbers(o, jsonNumber{"out_bits_per_second", rate.sent}, jsonNumber{"in_bits_per_second", rate.received})
	}
}

type jsonNumber struct {
	key   string
	value uint64
}

func (w *connectionJSON) numbers(o *fastjson.Value, numbers ...jsonNumber) {
	for _, n := range numbers {
		o.Set(n.key, w.arena.NewNumberString(uint64Text(n.value)))
	}
}
