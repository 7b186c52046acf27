// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestATimeIsAlsoANumberOfSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"2": 2 * time.Second, "0.5": 500 * time.Millisecond, "2s": 2 * time.Second, "1m30s": 90 * time.Second, "250ms": 250 * time.Millisecond, "0": 0,
		"": -1, "-2": -1, "-2s": -1, "x": -1, "2 s": -1, "inf": -1, "NaN": -1, "99999999999": -1, "1e3": -1,
	} {
		d := durationFlag(7)
		err := d.Set(text)
		if want < 0 && (err == nil || d != 7) || want >= 0 && (err != nil || d != durationFlag(want)) {
			t.Errorf("%q: %v, error %v", text, time.Duration(d), err)
		}
	}
}
