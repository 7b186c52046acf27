// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strconv"
	"time"
)

// textFlag is the value of a flag for any text.
type textFlag string

// String is a part of pflag.Value.
func (t *textFlag) String() string { return string(*t) }

// Type is a part of pflag.Value.
func (*textFlag) Type() string { return "string" }

// Set is a part of pflag.Value.
func (t *textFlag) Set(text string) error {
	*t = textFlag(text)
	return nil
}

// switchFlag is the value of a flag that is given alone, or as "--flag=false".
type switchFlag bool

// switchedOn is what a flag that is given alone sets.
const switchedOn = "true"

// String is a part of pflag.Value.
func (s *switchFlag) String() string { return strconv.FormatBool(bool(*s)) }

// Type is a part of pflag.Value.
func (*switchFlag) Type() string { return "bool" }

// Set is a part of pflag.Value.
func (s *switchFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	*s = switchFlag(on)
	return err
}

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
