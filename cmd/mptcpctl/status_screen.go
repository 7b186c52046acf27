// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"
)

// watch shows the status as a screen. If it cannot be read at the moment, the screen
// shows the error.
func (s *status) watch(ctx context.Context) error {
	if len(s.words) > 0 {
		if _, err := s.observe(ctx); err != nil {
			return err // an unknown name is no reason for a screen
		}
		s.traffic = lineTraffic{}
	}
	var text string
	return s.live(ctx, statusInterval, func(int, int) (string, error) {
		if time.Since(s.traffic.rates.at) < statusInterval/2 {
			return text, nil // only the size of the terminal has changed
		}
		seen, err := s.observe(ctx)
		if err != nil {
			s.traffic.rates.at = time.Now()
			text = "mptcpctl: " + strings.Join(errorLines(err), "\n") + "\n"
		} else {
			text = statusText(seen, s.shown, &s.traffic)
		}
		return text, nil
	})
}
