// SPDX-License-Identifier: Apache-2.0

package health

import (
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

func TestVerdictsHaveTheirWords(t *testing.T) {
	for v, word := range Words() {
		if word == "" || Verdict(v).String() != word {
			t.Errorf("%d: %q", v, word)
		}
	}
}

// A transfer that ends may leave a queue behind it, through which a probe takes seconds.
func TestAQueueOutlastsItsTransfer(t *testing.T) {
	check := standard()
	check.Interval = time.Second
	p := newPath(t, check, 2)
	for range 20 {
		p.traffic(16, 11)
		p.tick(Tick)
		p.traffic(0, 0)
		p.ended = 1
		p.tick(Tick)
		p.ended = 0
		p.rtt = 2500 * time.Millisecond
		p.never(4*time.Second, "behind a queue")
		p.rtt = 20 * time.Millisecond
		p.never(20*time.Second, "it is empty")
	}
	p.dead = true
	p.until(Dead, 4*time.Second)
}

// A connection that is opened behind such a queue waits as long as a probe.
func TestAConnectionBehindAQueue(t *testing.T) {
	p := newPath(t, standard(), 2)
	p.run(20 * time.Second)
	p.traffic(20, 10)
	p.run(3 * time.Second)
	for range 5 { // what is left of it
		p.traffic(0, 1)
		p.tick(Tick)
		p.traffic(0, 0)
		p.tick(Tick)
	}
	p.rtt = 2 * time.Second
	for range 2 { // a SYN, and its first retransmission
		p.traffic(1, 0)
		p.tick(Tick)
		p.traffic(0, 0)
		p.never(900*time.Millisecond, "SYNs behind a queue")
	}
	p.never(2*time.Second, "probes behind a queue")
}

// How long it takes until a line is known to be dead, by what it carried.
func TestADeadLineIsFound(t *testing.T) {
	for _, tt := range []struct {
		name          string
		rtt           time.Duration
		up, down      uint64 // a tick, before
		upAfter       uint64 // and what is still sent
		least, within time.Duration
	}{
		{"upload", 20 * time.Millisecond, 40, 20, 0, 700 * time.Millisecond, time.Second},
		{"download", 20 * time.Millisecond, 20, 40, 0, 700 * time.Millisecond, time.Second},
		{"UDP both ways", 20 * time.Millisecond, 5, 5, 5, 700 * time.Millisecond, time.Second},
		{"UDP one way", 20 * time.Millisecond, 5, 0, 5, 3 * time.Second, 3600 * time.Millisecond},
		{"600 ms", 600 * time.Millisecond, 20, 20, 0, time.Second, 3 * time.Second},
		{"idle", 20 * time.Millisecond, 0, 0, 0, 500 * time.Millisecond, 11 * time.Second},
		{"a blast into a queue that begins at the fault", 20 * time.Millisecond, 5, 5, 100, 3 * time.Second, 3600 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLongPath(t, standard(), 2, tt.rtt)
			p.traffic(tt.up, tt.down)
			p.never(30*time.Second, "before the fault")
			if tt.down == 0 && tt.up > 0 { // as if it had begun now: an earlier suspicion would put off the next
				p.line.until, p.line.hold = 0, firstHold
			}
			p.dead, p.up = true, tt.upAfter
			if took := p.until(Dead, tt.within); took < tt.least {
				t.Errorf("after %s already", took)
			}
			if s := p.line.State(); !s.NoEndpoint || !s.NoOwn || s.NoForward || s.Reason == "" {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A new connection over an idle line does not wait for the idle probe.
func TestAnUnansweredConnectionIsASuspicion(t *testing.T) {
	p := newPath(t, standard(), 2)
	p.run(30 * time.Second)
	p.run(500 * time.Millisecond)
	p.dead = true
	for range 2 { // a SYN, and its first retransmission
		p.up = 1
		p.tick(Tick)
		p.up = 0
		for range 9 {
			p.tick(Tick)
		}
	}
	p.until(Dead, time.Second)
}

// The LAN's traffic stays for the time of patience, and the first packet ends that.
func TestPatience(t *testing.T) {
	p := newPath(t, standard(), 2)
	p.traffic(20, 20)
	p.run(10 * time.Second)
	p.dead, p.up = true, 0
	p.until(Dead, time.Second)
	p.run(2900 * time.Millisecond)
	if p.line.State().NoForward {
		t.Fatal("moved before the patience is over")
	}
	p.dead = false
	p.run(600 * time.Millisecond)
	if s := p.line.State(); s.Verdict != Alive || s.NoOwn || s.NoForward || !s.NoEndpoint {
		t.Fatalf("after the first packet: %s", s)
	}
	p.run(5 * time.Second)
	if s := p.line.State(); s.Verdict != Alive || s.NoEndpoint {
		t.Fatalf("after three answers: %s", s)
	}
	p.dead = true
	p.until(Dead, 2*time.Second)
	p.run(3100 * time.Millisecond)
	if !p.line.State().NoForward {
		t.Fatal("not moved after the patience")
	}
	p.dead = false
	p.tick(returnGap)
	p.tick(returnGap)
	if s := p.line.State(); s.Verdict != Dead || !s.NoForward {
		t.Fatalf("back after a single answer: %s", s)
	}
	p.until(Alive, 10*time.Second)
	if s := p.line.State(); s.NoEndpoint || s.NoOwn || s.NoForward {
		t.Fatalf("%s", s)
	}
}

func TestNoPatience(t *testing.T) {
	check := standard()
	check.Patience = 0
	p := newPath(t, check, 1)
	p.run(10 * time.Second)
	p.dead = true
	p.until(Dead, 11*time.Second)
	if !p.line.State().NoForward {
		t.Error("not moved at once")
	}
}

// A line that dies again and again has to answer more often, up to 16 times; ten
// minutes later it is as before.
func TestEachDeathAsksForMore(t *testing.T) {
	p := newPath(t, standard(), 2)
	for _, want := range []int{3, 6, 12, 24, 48, 48, 48} {
		p.dead = true
		p.until(Dead, 12*time.Second)
		if got := p.line.Ups(); got != want {
			t.Errorf("%d answers, want %d", got, want)
		}
		p.run(4 * time.Second)
		p.dead = false
		p.until(Alive, time.Minute)
	}
	p.run(deathMemory + time.Second)
	p.dead = true
	p.until(Dead, 12*time.Second)
	if got := p.line.Ups(); got != 3 {
		t.Errorf("ten minutes later: %d answers", got)
	}
}

// What a living line may do without being taken for dead.
func TestALivingLineIsNotDead(t *testing.T) {
	const long = 30 * time.Minute
	for _, tt := range []struct {
		name     string
		rtt      time.Duration
		loss     float64
		up, down uint64
	}{
		{"idle", 20 * time.Millisecond, 0, 0, 0},
		{"600 ms", 600 * time.Millisecond, 0, 10, 10},
		{"600 ms, idle", 600 * time.Millisecond, 0, 0, 0},
		{"lossy, with traffic", 40 * time.Millisecond, 0.19, 10, 10},
		{"one way", 20 * time.Millisecond, 0, 50, 0},
		{"one way into a queue of two seconds", 2 * time.Second, 0, 200, 0},
	} {
		p := newLongPath(t, standard(), 2, tt.rtt)
		p.loss = tt.loss
		p.traffic(tt.up, tt.down)
		p.never(long, tt.name)
		if p.line.State().Verdict == Unknown {
			t.Errorf("%s: unknown", tt.name)
		}
	}
}

// A target that is out of order makes no verdict as long as another answers, and loses
// its say.
func TestATargetThatIsDownIsNoDeadLine(t *testing.T) {
	p := newPath(t, standard(), 2)
	p.mute[0] = true
	p.never(10*time.Minute, "one target of two is down")
	if p.line.targets[0].votes || !p.line.targets[1].votes {
		t.Errorf("%+v", p.line.targets)
	}
	p.dead = true
	p.until(Dead, 12*time.Second)
	p.dead = false
	p.mute[0] = false
	p.until(Alive, time.Minute)
	p.never(5*time.Minute, "both are back")
	if !p.line.targets[0].votes {
		t.Error("a target that answers again has no say")
	}
}

// Without any target that has ever answered, silence means nothing.
func TestNoVerdictWithoutATargetThatAnswers(t *testing.T) {
	for _, targets := range []int{0, 2} {
		p := &path{T: t, now: time.Hour, mute: map[int]bool{0: true, 1: true}}
		p.line = New(standard(), targets, p.now)
		p.traffic(20, 20)
		p.run(10 * time.Second)
		p.dead = true
		p.never(time.Minute, "no target answers")
	}
}

func TestATransferThatEndsIsNoSuspicion(t *testing.T) {
	p := newPath(t, standard(), 2)
	for _, ended := range []uint64{1, 0} {
		p.traffic(20, 20)
		p.run(5 * time.Second)
		p.probes = 0
		p.ended = ended
		p.tick(Tick)
		p.ended = 0
		p.traffic(0, 0)
		p.run(5 * time.Second)
		if (p.probes == 0) != (ended == 1) {
			t.Errorf("%d probes after the end, ended %d", p.probes, ended)
		}
	}
}

// A steady transfer costs no probe, and an idle line one in each interval.
func TestHowManyProbesAreSent(t *testing.T) {
	p := newPath(t, standard(), 2)
	p.traffic(20, 20)
	p.run(time.Second)
	p.probes = 0
	p.run(10 * time.Minute)
	if p.probes != 0 {
		t.Errorf("%d probes while traffic flows", p.probes)
	}
	p.traffic(0, 0)
	p.run(2 * time.Second)
	p.probes = 0
	p.run(time.Hour)
	if p.probes > 360 || p.probes < 300 {
		t.Errorf("%d probes in an idle hour", p.probes)
	}
	check := standard()
	check.Interval = 0
	p = newPath(t, check, 2)
	p.probes = 0
	p.run(time.Hour)
	if p.probes != 0 {
		t.Errorf("%d probes, interval 0", p.probes)
	}
	p.traffic(20, 20)
	p.run(10 * time.Second)
	p.dead, p.up = true, 0
	p.until(Dead, time.Second)
}

// While packets cannot be counted there is no verdict, and none right afterwards.
func TestNoVerdictWhileBlind(t *testing.T) {
	p := newPath(t, standard(), 1)
	p.traffic(20, 20)
	p.run(10 * time.Second)
	for range 100 {
		p.now += Tick
		p.own = uint64(len(p.line.Observe(Sample{At: p.now, Blind: true})))
		if s := p.line.State(); s.Verdict == Dead {
			t.Fatalf("%s", s)
		}
	}
	p.never(time.Minute, "afterwards")
	p.now += time.Minute // the process did not run
	p.never(time.Minute, "after a pause")
	p.dead, p.up = true, 0
	p.until(Dead, 11*time.Second)
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check config.Check
		worse func(p *path)
		mend  func(p *path) // to just below the limit, then well below it
		well  func(p *path)
	}{
		{
			"latency",
			config.Check{Interval: time.Second, Patience: time.Second, Up: 1, Latency: 200 * time.Millisecond},
			func(p *path) { p.rtt = 250 * time.Millisecond },
			func(p *path) { p.rtt = 190 * time.Millisecond },
			func(p *path) { p.rtt = 100 * time.Millisecond },
		},
		{
			"loss",
			config.Check{Interval: time.Second, Patience: time.Second, Up: 1, Loss: 30},
			func(p *path) { p.loss = 0.6 },
			func(p *path) { p.loss = 0.6 },
			func(p *path) { p.loss = 0 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPath(t, tt.check, 3)
			p.traffic(10, 10)
			p.never(time.Minute, "before")
			tt.worse(p)
			p.until(Degraded, time.Minute)
			if s := p.line.State(); s.NoEndpoint || s.NoOwn || s.NoForward || s.Reason == "" {
				t.Errorf("%s", s)
			}
			tt.mend(p)
			p.run(time.Minute)
			if tt.name == "latency" && p.line.State().Verdict != Degraded {
				t.Errorf("back at once: %s", p.line.State())
			}
			tt.well(p)
			p.until(Alive, time.Minute)
			p.dead, p.up = true, 0
			p.until(Dead, 2*time.Second)
		})
	}
}
