// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"time"
)

// examine looks for suspicions, and probes.
func (l *Line) examine(blind bool) []Probe {
	if !l.round.on {
		l.suspect(blind)
	}
	if !l.round.on {
		return nil
	}
	r := &l.round
	switch {
	case r.idle && r.sent > 0 && l.votes() && l.answerLate(r.began):
		// Its answer is late: now it is a suspicion.
		r.idle, r.oneWay, r.began, r.sent = false, true, l.at, 0
		l.suspected()
	case r.idle && r.sent > 0, r.sent >= roundProbes, r.sent > 0 && l.at-r.last < Tick*9/10:
		return nil
	}
	r.sent++
	r.last = l.at
	if r.idle {
		return l.askIdle()
	}
	return l.ask(true)
}

// suspect begins a round of probes where there is a reason for one.
func (l *Line) suspect(blind bool) {
	if reason := l.reason(); reason != "" && !blind && l.at >= l.until && l.votes() {
		l.round = round{on: true, reason: reason, began: l.at, oneWay: reason == reasonNoAnswer && l.oneWay}
		for i := range busyTicks {
			l.round.before += l.ring[i].sent
		}
		l.round.after = l.waiting
		l.suspected()
		return
	}
	learns := !l.votes() // the round trip, and who answers
	regular := l.check.Latency > 0 || l.check.Loss > 0
	if len(l.targets) == 0 || l.at < l.next || blind || l.check.Interval == 0 && !learns {
		return
	}
	if regular || learns || l.at-l.life >= l.check.Interval {
		l.round = round{on: true, idle: true, reason: reasonProbe, began: l.at}
		l.next = l.at + l.check.Interval
		if l.check.Interval == 0 || learns && l.check.Interval > learnGap {
			l.next = l.at + learnGap
		}
	}
}

// answerLate reports whether the answer to a probe sent at a time is late.
func (l *Line) answerLate(sent time.Duration) bool {
	return l.at-sent >= max(stopTicks*Tick, l.rtt.timeout())
}

func (l *Line) suspected() {
	if l.state.Verdict == Alive {
		l.say(Suspect, l.round.reason)
	}
}

// reason is what makes the line suspect now.
func (l *Line) reason() string {
	busy, ended := 0, uint64(0)
	for i := range l.ring {
		ended += l.ring[i].ended
		if i < busyTicks && l.ring[i].received > 0 {
			busy++
		}
		if i >= busyTicks && l.ring[i].received > 0 {
			busy = -ringLen
		}
	}
	switch {
	case busy >= busyEnough && ended == 0:
		return reasonStop
	case l.waiting >= unanswered && l.at-l.since >= unansweredT:
		return reasonNoAnswer
	}
	return ""
}

// votes reports whether the silence of any target means something.
func (l *Line) votes() bool {
	for i := range l.targets {
		if l.targets[i].votes {
			return true
		}
	}
	return false
}

// ask probes the next target, of those whose silence means something only.
func (l *Line) ask(voters bool) []Probe {
	for range l.targets {
		l.turn = (l.turn + 1) % len(l.targets)
		if !voters || l.targets[l.turn].votes {
			return []Probe{l.probe(l.turn)}
		}
	}
	return nil
}

// askIdle probes one target that votes, and now and then one that does not. While none
// does it probes all.
func (l *Line) askIdle() []Probe {
	l.rounds++
	all := l.ask(true)
	for i := range l.targets {
		if !l.targets[i].votes && (len(all) == 0 || !l.votes() || l.rounds%mutePause == i%mutePause) {
			all = append(all, l.probe(i))
		}
	}
	return all
}

func (l *Line) probe(target int) Probe {
	l.seq++
	p := Probe{l.seq, target}
	l.out = append(l.out, outstanding{Probe: p, at: l.at})
	l.asked = l.at
	return p
}

// conclude finds out whether the line is dead.
func (l *Line) conclude(blind bool) {
	if l.state.Verdict == Dead {
		if l.at-max(l.state.Since, l.life) >= l.check.Patience {
			l.state.NoForward = true
		}
		return
	}
	r := &l.round
	if !r.on {
		return
	}
	if r.idle || !l.votes() || blind {
		if l.at-r.began >= max(leastLost, 2*l.Timeout()) {
			l.round = round{}
		}
		return
	}
	wait := l.Timeout()
	queue := r.reason != reasonStop && l.heavy > r.began-queueLasts
	if queue || r.oneWay && r.after > fewPackets || r.after > 2*r.before+10 {
		wait = max(wait, oneWayWait)
	}
	if r.sent < roundProbes || l.at-r.began < wait {
		return
	}
	l.say(Dead, lostReason(r.sent, r.reason))
	l.state.NoEndpoint, l.state.NoOwn = true, true
	l.state.NoForward = l.check.Patience == 0
	l.trial, l.ups, l.out, l.round, l.waiting = false, 0, l.out[:0], round{}, 0
	l.next = l.at
	l.deaths = append(l.recentDeaths(), l.at)
}

// recentDeaths are those that are remembered, the last few.
func (l *Line) recentDeaths() []time.Duration {
	for len(l.deaths) > 0 && (l.at-l.deaths[0] > deathMemory || len(l.deaths) > mostDoublings) {
		l.deaths = l.deaths[1:]
	}
	return append([]time.Duration(nil), l.deaths...)
}

// Ups is how many answers in a row bring the line back.
func (l *Line) Ups() int {
	n := 0
	for _, d := range l.deaths {
		if l.at-d <= deathMemory {
			n++
		}
	}
	return l.check.Up << min(max(n-1, 0), mostDoublings)
}

// returning probes a line that is dead, or was so and has no endpoint yet, and takes it
// back when it has answered often enough.
func (l *Line) returning() []Probe {
	if l.ups >= l.Ups() {
		l.trial = false
		if l.state.Verdict == Dead {
			l.say(Alive, fmt.Sprintf("%d probes in a row were answered", l.ups))
			l.life = l.at
		}
		l.state.NoEndpoint, l.state.NoOwn, l.state.NoForward = false, false, false
		l.ring, l.waiting = [ringLen]counts{}, 0
		return nil
	}
	gap := returnGap
	if l.state.Verdict == Dead && l.ups == 0 {
		gap = min(max(gap, (l.at-l.state.Since)/8), deadGap)
	}
	if l.trial && !l.round.on && len(l.out) > 0 && l.life <= l.out[0].at && l.votes() && l.answerLate(l.out[0].at) {
		l.round = round{on: true, oneWay: true, reason: reasonProbe, began: l.at}
		l.suspected()
	}
	if l.round.on || l.at-l.asked < gap-Tick/10 {
		return nil
	}
	return l.ask(false)
}

// record notes how a probe ended.
func (l *Line) record(r result) {
	l.results[l.resultsN%judged] = r
	l.resultsN++
}

// judge compares the last probes with the limits of the configuration. A line is taken
// back well below them, so that it does not go to and fro.
func (l *Line) judge() {
	if l.resultsN < judged || l.state.Verdict != Alive && l.state.Verdict != Degraded {
		return
	}
	var sum time.Duration
	lost := 0
	for i := range l.results {
		sum += l.results[i].rtt
		if l.results[i].lost {
			lost++
		}
	}
	latency := sum / time.Duration(max(judged-lost, 1))
	most, mostLost := l.check.Latency, l.check.Loss
	if l.state.Verdict == Degraded {
		most, mostLost = most*4/5, mostLost*4/5
	}
	percent := lost * 100 / judged
	switch {
	case l.check.Latency > 0 && latency > most:
		if l.state.Verdict != Degraded {
			l.say(Degraded, fmt.Sprintf("the round trip takes %d ms", latency.Milliseconds()))
		}
	case l.check.Loss > 0 && percent > mostLost:
		if l.state.Verdict != Degraded {
			l.say(Degraded, fmt.Sprintf("%d %% of the probes are lost", percent))
		}
	case l.state.Verdict == Degraded:
		l.say(Alive, "within its limits again")
	}
}
