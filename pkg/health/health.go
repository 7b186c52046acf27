// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"time"
)

// Verdict is what is known of a line.
type Verdict uint8

// The verdicts. The zero value says that nothing has come from beyond the line's own
// network yet, so that nothing can be said.
const (
	Unknown Verdict = iota
	Alive
	// Suspect: something that should have come did not. It changes nothing.
	Suspect
	Dead
	// Degraded: alive, and beyond a limit of the configuration.
	Degraded
)

var verdictWords = [...]string{Unknown: "unknown", Alive: "alive", Suspect: "suspect", Dead: "dead", Degraded: "degraded"}

// String is the word of status and of the file.
func (v Verdict) String() string { return verdictWords[v] }

// Words are those of all verdicts, by their numbers.
func Words() []string { return verdictWords[:] }

// State is the verdict on a line, and what follows from it.
type State struct {
	Verdict Verdict
	// Since is when the verdict fell.
	Since time.Duration
	// Reason says in a few words what it rests on.
	Reason string
	// NoEndpoint says that the line is to have no endpoint: it is dead, or has not
	// answered often enough since. NoOwn: new connections of the router itself are to
	// leave by another line. NoForward: so are those of the LAN.
	NoEndpoint, NoOwn, NoForward bool
}

// Sample is what was seen of a line since the sample before.
type Sample struct {
	// At is the time, by a clock that never goes back.
	At time.Duration
	// Blind says that packets could not be counted, so that none is no sign.
	Blind bool
	// Received and Sent count packets from and to beyond the line's own network, those
	// of probes included. Ended counts the TCP packets among them that end a
	// connection.
	Received, Sent, Ended uint64
	// Answers are those to probes.
	Answers []Answer
	// RTO is the longest retransmission timeout of the line's sockets; 0: not known.
	RTO time.Duration
}

// Probe asks a target, by its number.
type Probe struct {
	Seq    uint16
	Target int
}

// Answer is what came back for a probe, and after which time.
type Answer struct {
	Seq uint16
	RTT time.Duration
}

// What the verdicts rest on. Tried on 6.18 with two lines of 20 Mbit/s, long ones, slow
// ones, lossy ones and full queues: with three probes in place of five, or without the
// longer wait, living lines were taken for dead.
const (
	// Tick is how often a line is looked at while something happens on it, SlowTick
	// while nothing does.
	Tick     = 100 * time.Millisecond
	SlowTick = time.Second

	stopTicks   = 3  // nothing received for so long ...
	busyTicks   = 10 // ... after so long, in which
	busyEnough  = 8  // something was received in so many of them
	unanswered  = 2  // packets sent
	unansweredT = 400 * time.Millisecond
	forgotten   = 3 * time.Second // after which a packet sent needs no answer any more

	roundProbes = 5 // in a row, one a Tick
	leastWait   = 450 * time.Millisecond
	// oneWayWait is for a line on which what is sent was not answered before either: a
	// full queue of two seconds looks the same.
	oneWayWait = 3 * time.Second
	// fewPackets, in a Tick, fill no queue; after more of them one may last so long.
	fewPackets = 3
	queueLasts = 5 * time.Second

	// After a suspicion that was none the next one waits, longer each time.
	firstHold, lastHold = 500 * time.Millisecond, 2 * time.Second

	returnGap      = 500 * time.Millisecond // between probes of a line that answers again
	deadGap        = 10 * time.Second       // at most, of one that does not
	deathMemory    = 10 * time.Minute
	mostDoublings  = 4
	missesToVote   = 3  // probes lost while the line lived make a target mute,
	missesOfLast   = 20 // and the last one that is not
	mutePause      = 10 // rounds between questions to a mute target
	judged         = 10 // probes on which latency and loss rest
	leastLost      = time.Second
	learnGap       = time.Minute     // at most, while no target has answered
	stale          = 2 * time.Second // a sample later than this tells nothing of the time before
	ringLen        = stopTicks + busyTicks
	latest         = 5 * time.Second // answers, on a line with a long queue
	mostUnanswered = 32
)

// reasons of suspicion and death.
const (
	reasonStop     = "nothing is received any more"
	reasonNoAnswer = "what is sent is not answered"
	reasonProbe    = "a probe was not answered"
)

func lostReason(sent int, why string) string {
	return fmt.Sprintf("%s, nor %d probes", why, sent)
}
