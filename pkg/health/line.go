// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// Line is the memory of one line in one family. Its size does not grow.
type Line struct {
	check   config.Check
	targets []target
	state   State

	at       time.Duration // of the last sample
	life     time.Duration // when something last came from beyond
	ring     [ringLen]counts
	own      uint64 // probes that the next sample counts as sent
	waiting  uint64 // packets sent since the last that was received
	since    time.Duration
	oneWay   bool          // before the first of them nothing had been received for a while
	heavy    time.Duration // when more than a few packets were last sent at once
	hold     time.Duration
	until    time.Duration // no suspicion before
	rtt      estimate
	rto      time.Duration // of the line's sockets, at the last suspicion
	round    round
	seq      uint16
	out      []outstanding
	turn     int           // of the targets
	rounds   int           // of idle probes
	next     time.Duration // idle round, not before
	asked    time.Duration // when a probe was last sent
	ups      int           // answers in a row
	trial    bool          // alive again, and without an endpoint
	deaths   []time.Duration
	results  [judged]result
	resultsN int
}

type counts struct{ received, sent, ended uint64 }

// target is one that can be asked.
type target struct {
	// votes says that its silence means something: it has answered, and not failed to
	// while the line lived.
	votes  bool
	misses int
}

// outstanding is a probe without an answer yet. One that is late counts as lost, and its
// answer still tells how long the line takes.
type outstanding struct {
	Probe
	at   time.Duration
	late bool
}

// round is a series of probes that a suspicion, or an idle line, has begun.
type round struct {
	on     bool
	idle   bool // the first probe waits for its answer before others follow
	reason string
	began  time.Duration // of the series; for an idle one that of its single probe
	last   time.Duration
	sent   int
	oneWay bool
	before uint64 // packets sent in the time of the ring before it
	after  uint64 // and since
}

type result struct {
	rtt  time.Duration
	lost bool
}

// estimate is that of a round trip time (RFC 6298 section 2).
type estimate struct{ smooth, variation time.Duration }

func (e *estimate) add(rtt time.Duration) {
	if e.smooth == 0 {
		e.smooth, e.variation = rtt, rtt/2
		return
	}
	e.variation += ((e.smooth - rtt).Abs() - e.variation) / 4
	e.smooth += (rtt - e.smooth) / 8
}

func (e *estimate) timeout() time.Duration { return e.smooth + 4*e.variation }

// New is a line of which nothing is known, with so many targets.
func New(check config.Check, targets int, now time.Duration) *Line {
	return &Line{check: check, targets: make([]target, targets), at: now, life: now, next: now, hold: firstHold, state: State{Since: now}}
}

// State is the verdict after the last sample.
func (l *Line) State() State { return l.state }

// Pause is how long the next sample may wait.
func (l *Line) Pause() time.Duration {
	quiet := !l.round.on && len(l.out) == 0 && l.waiting == 0
	for i := range l.ring {
		quiet = quiet && l.ring[i].received == 0 && l.ring[i].sent == 0
	}
	switch {
	case !quiet:
		return Tick
	case l.state.Verdict == Dead:
		return returnGap
	}
	return SlowTick
}

// Suspects reports whether a suspicion has just begun: what the line's sockets say
// of their timeouts is of use then.
func (l *Line) Suspects() bool { return l.round.on && !l.round.idle && l.round.sent == 1 }

// Timeout is after which time without an answer a probe of the line is taken for lost.
func (l *Line) Timeout() time.Duration { return max(leastWait, l.rtt.timeout(), l.rto) }

// Observe takes a sample, and returns the probes to send now.
func (l *Line) Observe(s Sample) []Probe {
	late := s.At-l.at > stale
	l.rto = max(l.rto, s.RTO)
	alive := l.answers(s) || !s.Blind && s.Received > 0
	if s.Blind || late {
		l.ring, l.waiting = [ringLen]counts{}, 0
	} else {
		l.count(s, alive)
	}
	l.own = 0
	l.at = s.At
	l.expire()
	switch {
	case alive:
		l.lived(s)
	case s.Blind || late:
		l.round = round{} // what was lost meanwhile counts for nothing
	}
	l.judge()
	var probes []Probe
	if l.state.Verdict == Dead || l.trial {
		probes = l.returning()
	}
	if l.state.Verdict != Dead && len(probes) == 0 {
		probes = l.examine(s.Blind)
	}
	l.conclude(s.Blind)
	l.own = uint64(len(probes))
	return probes
}

// count moves the ring on, and counts what waits for an answer.
func (l *Line) count(s Sample, alive bool) {
	sent := s.Sent - min(s.Sent, l.own)
	for shift := max(1, int((s.At-l.at+Tick/2)/Tick)); shift > 0; shift-- {
		copy(l.ring[:], l.ring[1:])
		l.ring[ringLen-1] = counts{}
		if shift > ringLen {
			shift = ringLen
		}
	}
	l.ring[ringLen-1] = counts{s.Received - min(s.Received, uint64(len(s.Answers))), sent, s.Ended}
	switch {
	case alive:
		l.waiting = 0
	case l.waiting > 0 && s.At-l.since > forgotten && !l.round.on:
		l.waiting = 0
	}
	if sent > fewPackets {
		l.heavy = s.At
	}
	if !alive && sent > 0 {
		if l.waiting == 0 {
			l.since, l.oneWay = s.At, !l.receivedLately()
		}
		l.waiting += sent
	}
	if l.round.on {
		l.round.after += sent
	}
}

func (l *Line) receivedLately() bool {
	for i := range l.ring {
		if l.ring[i].received > 0 {
			return true
		}
	}
	return false
}

// answers notes the answers to probes, and reports whether there is one.
func (l *Line) answers(s Sample) (any bool) {
	for _, a := range s.Answers {
		for i := range l.out {
			o := l.out[i]
			if o.Seq != a.Seq {
				continue
			}
			any = true
			l.out = append(l.out[:i], l.out[i+1:]...)
			l.rtt.add(a.RTT)
			l.targets[o.Target] = target{votes: true}
			if !o.late {
				l.record(result{rtt: a.RTT})
			}
			l.ups++
			break
		}
	}
	return any
}

// expire takes probes for lost whose answer is late, and forgets them some time later.
func (l *Line) expire() {
	kept := l.out[:0]
	for i, o := range l.out {
		if age := l.at - o.at; !o.late && age > max(leastLost, 2*l.Timeout()) {
			o.late = true
			l.ups = 0
			l.record(result{lost: true})
			if l.life > o.at {
				l.missed(o.Target)
			}
		}
		if l.at-o.at <= latest && len(l.out)-i <= mostUnanswered {
			kept = append(kept, o)
		}
	}
	l.out = kept
}

// missed notes that a target has not answered although the line lived. It loses its say,
// the last one that has any much later: without one nothing can be said.
func (l *Line) missed(n int) {
	t := &l.targets[n]
	t.misses++
	last := true
	for i := range l.targets {
		last = last && (i == n || !l.targets[i].votes)
	}
	if t.misses >= missesOfLast || t.misses >= missesToVote && !last {
		t.votes = false
	}
}

// lived is told that something came from beyond the line's own network.
func (l *Line) lived(s Sample) {
	l.life = s.At
	if l.round.on {
		if !l.round.idle {
			l.until = s.At + l.hold
			l.hold = min(2*l.hold, lastHold)
		}
		l.round, l.rto = round{}, 0
	} else if s.Received > uint64(len(s.Answers)) {
		l.hold = firstHold
	}
	switch l.state.Verdict {
	case Unknown, Suspect:
		l.say(Alive, "packets come from beyond its own network")
	case Dead:
		if !l.state.NoForward { // the LAN's traffic waits for it
			l.say(Alive, "packets come from beyond its own network again")
			l.state.NoOwn, l.trial, l.ups, l.out = false, true, 0, l.out[:0]
		}
	}
}

func (l *Line) say(v Verdict, reason string) {
	l.state.Verdict, l.state.Since, l.state.Reason = v, l.at, reason
}
