// SPDX-License-Identifier: Apache-2.0

package health

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// referee watches a line over arbitrary evidence for what must never be.
type referee struct {
	*testing.T
	line     *Line
	at, life time.Duration // of the last sign of life
	answered bool
	silent   int // probes sent since the last sign of life
	death    time.Duration
	states   []State
}

func (r *referee) observe(s Sample, sent map[uint16]int) {
	was := r.line.State()
	fresh := slices.ContainsFunc(s.Answers, func(a Answer) bool {
		return slices.ContainsFunc(r.line.out, func(o outstanding) bool { return o.Seq == a.Seq })
	})
	if !s.Blind && s.Received > 0 || fresh {
		r.life, r.silent = s.At, 0
	}
	probes := r.line.Observe(s)
	r.answered = r.answered || fresh
	r.silent += len(probes)
	for _, p := range probes {
		sent[p.Seq] = p.Target
	}
	now := r.line.State()
	r.states = append(r.states, now)
	switch {
	case len(probes) > len(r.line.targets):
		r.Fatalf("%d probes at once", len(probes))
	case now.Since > s.At || now.Since < was.Since:
		r.Fatalf("since %s at %s, before %s", now.Since, s.At, was.Since)
	case len(r.line.out) > mostUnanswered+len(r.line.targets)+1 || len(r.line.deaths) > mostDoublings+1:
		r.Fatalf("memory grows: %d probes, %d deaths", len(r.line.out), len(r.line.deaths))
	case now.NoForward && now.Verdict != Dead, now.Verdict == Dead && !(now.NoOwn && now.NoEndpoint), now.NoOwn && now.Verdict != Dead:
		r.Fatalf("%s", now)
	}
	if now.Verdict != Dead {
		return
	}
	if was.Verdict != Dead {
		r.death = s.At
		if s.Blind || !r.answered || s.At-r.life < leastWait || r.silent < roundProbes {
			r.Fatalf("dead at %s, blind %v, answered ever %v, last life %s, %d probes since", s.At, s.Blind, r.answered, r.life, r.silent)
		}
	}
	if now.NoForward && !was.NoForward && s.At-max(r.death, r.life) < r.line.check.Patience {
		r.Fatalf("moved after %s of %s", s.At-max(r.death, r.life), r.line.check.Patience)
	}
}

// arbitrary runs one trace of arbitrary evidence.
func arbitrary(t *testing.T, seed uint64) []State {
	random := rand.New(rand.NewPCG(seed, 77))
	check := config.Check{
		Interval: time.Duration(random.IntN(4)) * time.Second, Patience: time.Duration(random.IntN(4)) * time.Second, Up: 1 + random.IntN(4),
		Latency: time.Duration(random.IntN(2)) * time.Second, Loss: random.IntN(2) * 30,
	}
	r := &referee{T: t, line: New(check, random.IntN(4), time.Hour), at: time.Hour}
	sent := make(map[uint16]int)
	quiet, deaf := false, false
	for range 150 {
		switch random.IntN(12) {
		case 0:
			quiet = !quiet
		case 1:
			deaf = !deaf
		}
		step := r.line.Pause()
		if random.IntN(50) == 0 {
			step = time.Duration(random.IntN(5000)) * time.Millisecond
		}
		r.at += step
		s := Sample{At: r.at, Blind: random.IntN(60) == 0, RTO: time.Duration(random.IntN(2)) * time.Duration(random.IntN(3000)) * time.Millisecond}
		if !quiet {
			s.Sent, s.Ended = random.Uint64N(30), random.Uint64N(40)/38
			if !deaf {
				s.Received = random.Uint64N(30)
			}
		}
		seqs := make([]uint16, 0, len(sent))
		for seq := range sent {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
		for _, seq := range seqs {
			if !deaf && random.IntN(2) == 0 || random.IntN(20) == 0 {
				s.Answers = append(s.Answers, Answer{seq, time.Duration(random.IntN(700)) * time.Millisecond})
				if random.IntN(10) > 0 { // else it comes twice
					delete(sent, seq)
				}
			}
		}
		if deaf && random.IntN(3) > 0 {
			s.Answers = nil
		}
		r.observe(s, sent)
	}
	return r.states
}

// A hundred thousand traces of arbitrary evidence, each of them twice: the same evidence
// leads to the same verdicts.
func TestArbitraryEvidence(t *testing.T) {
	seen := make(map[Verdict]int)
	for seed := range uint64(100_000) {
		states := arbitrary(t, seed)
		if seed%100 == 0 && !slices.Equal(states, arbitrary(t, seed)) {
			t.Fatalf("trace %d leads to different verdicts", seed)
		}
		for _, s := range states {
			seen[s.Verdict]++
		}
		if t.Failed() {
			t.Fatalf("trace %d", seed)
		}
	}
	for v := Unknown; v <= Degraded; v++ {
		if seen[v] == 0 {
			t.Errorf("no trace leads to %s", v)
		}
	}
	t.Log(seen)
}
