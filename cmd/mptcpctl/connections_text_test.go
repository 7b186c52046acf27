// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

func TestNumbersFitTheirColumns(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0", 999: "999", 1000: "1.0k", 1999: "1.9k", 99_999: "99.9k", 100_000: "100k", 999_999: "999k", 1_000_000: "1.0M",
		12_345_678: "12.3M", 999_999_999: "999M", 1_000_000_000: "1.0G", 1<<64 - 1: "18.4E",
	} {
		var got text
		if got.si(n); string(got) != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "-", time.Microsecond: "1us", 999 * time.Microsecond: "999us", time.Millisecond: "1.0ms", 99_990 * time.Microsecond: "99.9ms",
		100 * time.Millisecond: "100ms", 9 * time.Second: "9000ms",
	} {
		var got text
		if got.rtt(d); string(got) != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

// TestAConnectionFits writes the longest values that IPv4 can have.
func TestAConnectionFits(t *testing.T) {
	t.Parallel()
	local, remote := netip.MustParseAddrPort("192.168.178.200:54321"), netip.MustParseAddrPort("203.0.113.200:50001")
	s := sockdiag.Subflow{
		Local: local, Remote: remote, State: sockdiag.Established, Flags: sockdiag.BackupRemote,
		TCP: sockdiag.TCPInfo{
			RTT: 1234 * time.Millisecond, Cwnd: 1234, Retrans: 99_999, BytesSent: 99_900_000, BytesReceived: 99_900_000, DeliveryRate: 12_400_000,
		},
	}
	c := sockdiag.Connection{Token: 0xabc, Local: local, Remote: remote, State: sockdiag.Established, Subflows: []sockdiag.Subflow{s}}
	list := newConnectionText(lineNames{devices: map[int]string{}})
	want := `TOKEN     LOCAL -> PEER  STATE
  IFACE    RTT CWND  SENT  RECV  RETR  RATE STATE         LOCAL
00000abc  192.168.178.200:54321 -> 203.0.113.200:50001  ESTABLISHED
  -     1234ms 1.2k 99.9M 99.9M 99.9k 99.2M peer's backup 192.168.178.200:54321
`
	list.header()
	list.connection(&c)
	if got := string(list.text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(want) {
		if len(line)-1 > lineWidth {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestWhatIsUnusualHasItsWord(t *testing.T) {
	t.Parallel()
	local, remote := netip.MustParseAddrPort("[2001:db8:1234:5678:9abc:def0:1234:5678]:54321"), netip.MustParseAddrPort("[2001:db8::1]:443")
	backups := sockdiag.BackupLocal | sockdiag.BackupRemote
	fallback := sockdiag.Connection{Local: local, Remote: remote, State: sockdiag.Established, Fallback: true}
	closing := fallback
	closing.State, closing.Token = sockdiag.FinWait1, 1
	closing.Subflows = []sockdiag.Subflow{
		{Local: local, Remote: netip.MustParseAddrPort("[2001:db8::2]:443"), State: sockdiag.FinWait1, Flags: sockdiag.BackupLocal},
		{Local: local, Remote: remote, State: sockdiag.Established, Flags: backups},
	}
	want := `-         [2001:db8:1234:5678:9abc:def0:1234:5678]:54321
          -> [2001:db8::1]:443  TCP fall-back
  no subflow
00000001  [2001:db8:1234:5678:9abc:def0:1234:5678]:54321
          -> [2001:db8::1]:443  FIN-WAIT-1, TCP fall-back
  -          -    0     0     0     0     - FIN-WAIT-1 backup
          [2001:db8:1234:5678:9abc:def0:1234:5678]:54321 -> [2001:db8::2]:443
  -          -    0     0     0     0     - mutual backup
          [2001:db8:1234:5678:9abc:def0:1234:5678]:54321
`
	list := newConnectionText(lineNames{})
	list.connection(&fallback)
	list.connection(&closing)
	if got := string(list.text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAKernelThatCannotListIsNamed(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		fmt.Errorf("MPTCP connections: %w", sockdiag.ErrNoMPTCPDiag): "kmod-inet-mptcp-diag",
		fmt.Errorf("subflows: %w", sockdiag.ErrNoTCPDiag):            "kmod-inet-diag",
	} {
		var b strings.Builder
		if code := report(&b, coded(listFailed(err))); code != exitNoMPTCP || !strings.Contains(b.String(), want) || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("exit code %d, %q, want %d and a line with %s", code, &b, exitNoMPTCP, want)
		}
	}
	if code := report(io.Discard, coded(listFailed(io.ErrUnexpectedEOF))); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}

func TestRatesAreMeasuredBetweenTwoListings(t *testing.T) {
	t.Parallel()
	var r rates
	start := time.Unix(1000, 0)
	s := &sockdiag.Subflow{Cookie: 7, TCP: sockdiag.TCPInfo{BytesAcked: 1000, BytesReceived: 5000}}
	c := &sockdiag.Connection{Subflows: []sockdiag.Subflow{*s}}
	steps := []struct {
		after time.Duration
		sent  uint64 // from then on
		want  traffic
		known bool
	}{
		{0, 1000, traffic{}, false},
		{2 * time.Second, 2000, traffic{4000, 0}, true},
		{2500 * time.Millisecond, 2000, traffic{0, 0}, true},
	}
	for i, step := range steps {
		r.begin(start.Add(step.after))
		c.Subflows[0].TCP.BytesAcked, c.Subflows[0].TCP.BytesSent = step.sent, 2*step.sent
		r.see(&c.Subflows[0])
		got, known := r.of(&c.Subflows[0])
		sum, sumKnown := r.ofConnection(c)
		lines := r.addTo(r.addTo(nil, "wan1", &c.Subflows[0]), "wan1", &c.Subflows[0])
		if got != step.want || known != step.known || sum != got || sumKnown != known {
			t.Errorf("listing %d: rate %v, %v, sum %v, %v, want %v, %v", i, got, known, sum, sumKnown, step.want, step.known)
		}
		if want := (lineRate{"wan1", 2, traffic{2 * got.sent, 2 * got.received}}); len(lines) != 1 || lines[0] != want {
			t.Errorf("listing %d: lines %v, want %v", i, lines, want)
		}
	}
	newcomer := &sockdiag.Subflow{Cookie: 8, TCP: sockdiag.TCPInfo{BytesAcked: 1 << 30}}
	r.see(newcomer)
	if got, known := r.of(newcomer); known {
		t.Errorf("what the last listing had not has the rate %v", got)
	}
}

func TestConnectionsAreValidJSONWhateverADeviceIsCalled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	list := &connectionList{options: &options{streams: streams{out: &out}}, names: lineNames{devices: map[int]string{3: "e\x01\xff\v"}}}
	w := &connectionJSON{list: list}
	w.b.str(`{"connections":[`)
	w.b = w.connection(&sockdiag.Connection{Subflows: []sockdiag.Subflow{{IfIndex: 3}}}).MarshalTo(w.b)
	w.b.str("]")
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	const want = `"device":"e\u0001\ufffd\u000b"`
	if !json.Valid(out.Bytes()) || !strings.Contains(out.String(), want) {
		t.Errorf("%s, want JSON with %s", &out, want)
	}
}

func TestBytesThatTheKernelDoesNotCountAreNull(t *testing.T) {
	t.Parallel()
	for want, counted := range map[string]bool{
		`"bytes_sent":7,"bytes_retransmitted":0,"bytes_acked":0,"bytes_received":0,`:             true,
		`"bytes_sent":null,"bytes_retransmitted":null,"bytes_acked":null,"bytes_received":null,`: false,
	} {
		w := &connectionJSON{list: &connectionList{options: &options{}}}
		c := sockdiag.Connection{MPTCP: sockdiag.MPTCPInfo{Counted: counted, BytesSent: 7}}
		if got := w.connection(&c).String(); !strings.Contains(got, want) {
			t.Errorf("counted %t: %s, want %s", counted, got, want)
		}
	}
}

// TestAMeshOfAKernelThatListsNoSubflows is that of one without the diag modules.
func TestAMeshOfAKernelThatListsNoSubflows(t *testing.T) {
	t.Parallel()
	m := mesh{rows: []meshRow{{netip.MustParseAddr("10.0.1.2"), 3, "id 1 subflow", true}}}
	for want, unlisted := range map[string]error{
		"LINE  LOCAL     ENDPOINT      REMOTE  SUBFLOWS\neth1  10.0.1.2  id 1 subflow  -       none\n": nil,
		"LINE  LOCAL     ENDPOINT      REMOTE  SUBFLOWS\neth1  10.0.1.2  id 1 subflow  ?       ?\n":    sockdiag.ErrNoTCPDiag,
	} {
		var got strings.Builder
		m.unlisted = unlisted
		if err := m.print(&got, lineNames{devices: map[int]string{3: "eth1"}}); err != nil || got.String() != want {
			t.Errorf("%v: got\n%s%v, want\n%s", unlisted, &got, err, want)
		}
	}
}

func TestALineForAConnectionThatNeverTriedMPTCPHasNoToken(t *testing.T) {
	t.Parallel()
	var got text
	got.token(0)
	got.str(" ")
	got.token(0xabc)
	if string(got) != "- 00000abc" {
		t.Errorf("tokens are written %q", got)
	}
}
