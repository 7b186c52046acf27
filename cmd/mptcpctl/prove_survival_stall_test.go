// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// survivalSample is how often is looked.
const survivalSample = 5 * time.Millisecond

// progress is what is known of one direction of one connection.
type progress struct {
	bytes uint64
	last  time.Time
}

// watchStalls measures by family the longest time without progress in one
// direction of one connection, until the row is over.
func (s *survival) watchStalls() {
	s.over, s.stalls = make(chan struct{}), make(chan [2]time.Duration, 1)
	go func() {
		var longest [2]time.Duration
		state := make([][2]progress, len(s.running))
		look := func(now time.Time, end bool) {
			for i, r := range s.running {
				up, down := r.Progress()
				for way, bytes := range [2]uint64{up, down} {
					d := &state[i][way]
					if d.last.IsZero() {
						d.last = now
					}
					if bytes != d.bytes || end {
						longest[r.family] = max(longest[r.family], now.Sub(d.last))
						*d = progress{bytes, now}
					}
				}
			}
		}
		tick := time.NewTicker(survivalSample)
		defer tick.Stop()
		for {
			select {
			case <-s.over:
				look(time.Now(), true)
				s.stalls <- longest
				return
			case now := <-tick.C:
				look(now, false)
			}
		}
	}()
}

func (s *survival) endWatching(problem error) {
	close(s.over)
	s.row.stall = <-s.stalls
	if s.row.problem = ""; problem != nil {
		s.row.problem = problem.Error()
	}
}
