// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"
)

// durationFlag is the value of a flag for a time: "5s", "1m30s", or a number of
// seconds.
type durationFlag time.Duration

// String is a part of pflag.Value.
func (d *durationFlag) String() string { return time.Duration(*d).String() }

// Type is a part of pflag.Value.
func (*durationFlag) Type() string { return "duration" }

// Set takes a time that is not negative.
func (d *durationFlag) Set(text string) error {
	duration, err := time.ParseDuration(text)
	if err != nil {
		duration, err = time.ParseDuration(text + "s")
	}
	if err != nil || duration < 0 {
		return errors.New("expected a time such as 5s or 1m30s, or a number of seconds")
	}
	*d = durationFlag(duration)
	return nil
}
