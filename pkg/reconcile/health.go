// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/child"
	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

const (
	// healthFine is how often an answer is looked for while one must be near.
	healthFine = 10 * time.Millisecond
	// healthStamp is how often the file is written when nothing changes, healthCounts
	// how long it counts after that.
	healthStamp  = 2 * time.Second
	healthCounts = 5 * time.Second
	// nftTime is how long nft may take. What it has failed to do is tried again, since
	// another program may have removed the counters.
	nftTime  = 5 * time.Second
	nftRetry = time.Second
)

// What a verdict rests on.
const (
	sourceCounters = "packet counters and probes"
	sourceOffload  = "probes: a flow table takes packets past the counters"
	sourceProbes   = "probes: nftables cannot count"
)

// checker looks after the health of the lines, inside the process of Watch.
type checker struct {
	run      *Runner
	report   func(error)
	lines    []*examined
	counters *kernel.Counters // nil: none
	counts   []kernel.Count
	source   string
	stamped  time.Duration
	retry    time.Duration // nft is not called before
	told     string        // the last error: it is reported once
	pauses   *pauseWatch   // is told of lines that die and live again
}

// configure takes over what a run has found out. What is examined already goes on.
func (c *checker) configure(ctx context.Context, on bool, lines []plan.LineUse) {
	var wanted []*examined
	if on {
		wanted = examinedLines(lines)
	}
	changed := len(wanted) != len(c.lines)
	for i, w := range wanted {
		old := slices.IndexFunc(c.lines, func(e *examined) bool { return e.key == w.key })
		changed = changed || old != i
		if old >= 0 {
			wanted[i] = c.lines[old]
		} else {
			w.memory = health.New(w.check, len(w.targets), SinceBoot())
		}
	}
	for _, e := range c.lines {
		if !slices.Contains(wanted, e) {
			e.prober.Close()
		}
	}
	c.lines = wanted
	switch {
	case changed:
		c.retry = 0
		c.count(ctx)
	case c.counters != nil:
		c.findSource()
	case len(c.lines) > 0:
		c.count(ctx) // nft may be there now
	}
	if on {
		c.write()
	}
}

// count has nft count the packets of the lines, or none if there are none.
func (c *checker) count(ctx context.Context) {
	if SinceBoot() < c.retry {
		return
	}
	c.retry = SinceBoot() + nftRetry
	for _, e := range c.lines {
		e.counting = false
	}
	if len(c.lines) == 0 {
		c.close(ctx)
		return
	}
	counted := make([]kernel.Counted, len(c.lines))
	for i, e := range c.lines {
		counted[i] = e.counted
	}
	err := nft(ctx, kernel.CounterRules(counted))
	if err == nil && c.counters == nil {
		c.counters, err = kernel.OpenCounters()
	}
	if err != nil {
		c.closeCounters()
		c.source = sourceProbes
		c.complain(errors.New("packets are not counted, so that only probes tell: " + err.Error()))
		return
	}
	c.counts = make([]kernel.Count, len(c.lines))
	c.findSource()
}

// complain reports an error, unless it is the same as the last one.
func (c *checker) complain(err error) {
	if text := err.Error(); text != c.told {
		c.told = text
		c.report(errors.New("health of the lines: " + text))
	}
}

func (c *checker) findSource() {
	c.source = sourceCounters
	if offloads, err := c.counters.Offloads(); err == nil && offloads {
		c.source = sourceOffload
	}
}

// close removes what the checker has made.
func (c *checker) close(ctx context.Context) {
	for _, e := range c.lines {
		e.prober.Close()
	}
	c.lines = nil
	if c.source != "" {
		c.source = ""
		c.closeCounters()
		if err := c.run.removeHealth(ctx); err != nil {
			c.complain(err)
		}
	}
}

func (c *checker) closeCounters() {
	if c.counters != nil {
		_ = c.counters.Close()
	}
	c.counters = nil
}

var errNoNft = errors.New("no program nft")

// nft has nft obey commands, in one transaction.
func nft(ctx context.Context, commands string) error {
	path, found := child.LookPath("nft")
	if !found {
		return errNoNft
	}
	ctx, cancel := context.WithTimeout(ctx, nftTime)
	defer cancel()
	stderr := limited{left: 200}
	process, err := child.Start(ctx, path, []string{commands}, &limited{}, &stderr)
	if err == nil {
		err = process.Wait()
	}
	if err != nil {
		return errors.Join(append([]error{err}, textErrors(child.Lines(string(stderr.kept)))...)...)
	}
	return nil
}

func textErrors(lines []string) (all []error) {
	for _, l := range lines {
		all = append(all, errors.New(l))
	}
	return all
}

// pause is how long tick may wait; 0: nothing is examined.
func (c *checker) pause() time.Duration {
	if len(c.lines) == 0 {
		return 0
	}
	now := SinceBoot()
	next := now + health.SlowTick
	for _, e := range c.lines {
		next = min(next, time.Duration(e.next))
		if e.prober.Waits() {
			next = min(next, now+healthFine)
		}
	}
	return max(next-now, time.Millisecond)
}

// tick looks at the lines whose time has come, and reports whether a verdict asks for
// another run.
func (c *checker) tick(ctx context.Context) (changed bool) {
	now := SinceBoot()
	due := false
	for _, e := range c.lines {
		for _, a := range e.prober.Answers() {
			e.answers = append(e.answers, health.Answer(a))
		}
		due = due || now >= time.Duration(e.next)
	}
	if !due {
		return false
	}
	blind := false
	if c.counters != nil {
		if err := c.counters.Read(c.counts); err != nil {
			blind = true
			c.count(ctx)
			now = SinceBoot()
		}
	}
	news := false
	for i, e := range c.lines {
		if now < time.Duration(e.next) {
			continue
		}
		was := e.State
		e.observe(now, c.sample(i, blind))
		e.Source = c.source
		e.State = e.memory.State()
		news = news || was != e.State
		if was.NoEndpoint != e.NoEndpoint || was.NoOwn != e.NoOwn || was.NoForward != e.NoForward || (was.Verdict == health.Degraded) != (e.Verdict == health.Degraded) {
			changed = true
		}
		switch was, is := was.Verdict == health.Dead, e.Verdict == health.Dead; {
		case is && !was:
			c.pauses.lineGone()
		case was && !is:
			c.pauses.lineBack(time.Now())
		}
	}
	if news || now-c.stamped >= healthStamp {
		c.write()
	}
	return changed
}

// sample is what the counters say of a line since they were last looked at for it.
func (c *checker) sample(i int, blind bool) health.Sample {
	e := c.lines[i]
	s := health.Sample{Blind: blind || e.unsent}
	if c.counters == nil || blind {
		return s
	}
	n := c.counts[i]
	switch {
	case !e.counting:
		s.Blind = true
	case c.source == sourceOffload:
		// What is counted is a sign of life, and nothing that is not.
		s.Received = n.Received - e.last.Received
	default:
		s.Received, s.Sent, s.Ended = n.Received-e.last.Received, n.Sent-e.last.Sent, n.Ended-e.last.Ended
	}
	e.last, e.counting = n, true
	return s
}

// observe takes a sample, and sends the probes that it asks for.
func (e *examined) observe(now time.Duration, s health.Sample) {
	s.At, s.Answers = now, e.answers
	e.answers, e.unsent = nil, false
	for _, p := range e.memory.Observe(s) {
		// What could not leave says nothing of the line.
		if e.prober.Send(e.targets[p.Target], p.Seq) != nil {
			e.unsent = true
		}
	}
	e.next = int64(now + e.memory.Pause())
}
