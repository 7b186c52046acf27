// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// path is a line as a trace makes it: what it carries, and what becomes of it.
type path struct {
	*testing.T
	line *Line
	now  time.Duration
	// rtt is the round trip, loss the chance that a probe is lost.
	rtt  time.Duration
	loss float64
	// up and down are packets of a tick, sent and received while the line lives.
	up, down uint64
	ended    uint64
	dead     bool
	mute     map[int]bool // targets that do not answer
	random   *rand.Rand
	due      []due
	own      uint64
	probes   int
	states   []State
}

type due struct {
	at, sent time.Duration
	seq      uint16
}

func standard() config.Check {
	return config.Check{Interval: 10 * time.Second, Patience: 3 * time.Second, Up: 3}
}

func newPath(t *testing.T, check config.Check, targets int) *path {
	return newLongPath(t, check, targets, 20*time.Millisecond)
}

func newLongPath(t *testing.T, check config.Check, targets int, rtt time.Duration) *path {
	p := &path{T: t, now: time.Hour, rtt: rtt, random: rand.New(rand.NewPCG(1, 2)), mute: make(map[int]bool)}
	p.line = New(check, targets, p.now)
	p.run(2 * time.Second)
	return p
}

// tick is one sample.
func (p *path) tick(step time.Duration) {
	p.now += step
	s := Sample{At: p.now, Sent: p.up + p.own, Ended: p.ended}
	if !p.dead {
		s.Received = p.down
	}
	kept := p.due[:0]
	for _, d := range p.due {
		if d.at > p.now {
			kept = append(kept, d)
		} else if !p.dead {
			s.Answers = append(s.Answers, Answer{d.seq, d.at - d.sent})
			s.Received++
		}
	}
	p.due = kept
	probes := p.line.Observe(s)
	p.own = uint64(len(probes))
	p.probes += len(probes)
	for _, probe := range probes {
		if !p.mute[probe.Target] && !p.dead && p.random.Float64() >= p.loss {
			p.due = append(p.due, due{p.now + p.rtt, p.now, probe.Seq})
		}
	}
	if state := p.line.State(); len(p.states) == 0 || p.states[len(p.states)-1] != state {
		p.states = append(p.states, state)
	}
}

// run lets time pass, in samples as the line wants them.
func (p *path) run(d time.Duration) {
	for end := p.now + d; p.now < end; {
		p.tick(min(p.line.Pause(), end-p.now))
	}
}

// until runs until the line has a verdict, and returns how long that took.
func (p *path) until(v Verdict, most time.Duration) time.Duration {
	p.Helper()
	began := p.now
	for p.line.State().Verdict != v {
		p.tick(p.line.Pause())
		if p.now-began > most {
			p.Fatalf("not %s after %s: %+v", v, most, p.line.State())
		}
	}
	return p.now - began
}

// never runs and fails if the line is taken for dead.
func (p *path) never(d time.Duration, what string) {
	p.Helper()
	for end := p.now + d; p.now < end; {
		p.tick(p.line.Pause())
		if s := p.line.State(); s.Verdict == Dead {
			p.Fatalf("%s: %s at %s: %s", what, s.Verdict, p.now-time.Hour, s.Reason)
		}
	}
}

func (p *path) traffic(up, down uint64) { p.up, p.down = up, down }

func (s State) String() string {
	return fmt.Sprintf("%s %s %v %v %v (%s)", s.Verdict, s.Since, s.NoEndpoint, s.NoOwn, s.NoForward, s.Reason)
}
