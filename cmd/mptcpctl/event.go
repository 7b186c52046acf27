// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
)

// runEvent runs what netifd's hook and a run start, which is what costs a router most
// often, without cobra: "hotplug", and "settle". Of these "hotplug" handles no signals
// either, which would take threads of their own: a signal ends it at once, and the next
// run converges from wherever that was. A command line that says anything else is not
// done, and left to cobra.
func runEvent(args []string, s streams) (code int, done bool) {
	if len(args) < 2 || args[1] != hotplugName && args[1] != settleName {
		return 0, false
	}
	o := newOptions(s)
	reload, ok := o.parseEvent(args[2:])
	if !ok || reload && args[1] == settleName {
		return 0, false
	}
	var err error
	if args[1] == hotplugName {
		err = o.hotplug(context.Background(), reload)
	} else {
		ctx, stop := untilSignal()
		err = o.settle(ctx)
		stop()
	}
	if err != nil {
		o.warn(o.takeUnsaid())
	}
	return report(s.err, coded(err)), true
}

// parseEvent sets the flags of an event. ok reports that there was nothing else, and
// that cobra would have understood them in the same way.
func (o *options) parseEvent(args []string) (reload, ok bool) {
	flags := o.globalFlags()
next:
	for len(args) > 0 {
		word, dashes := strings.CutPrefix(args[0], "--")
		args = args[1:]
		if dashes && word == reloadFlag {
			reload = true
			continue
		}
		name, value, given := strings.Cut(word, "=")
		for i := range flags {
			f := &flags[i]
			if !dashes || f.name != name {
				continue
			}
			switch {
			case given:
			case f.alone():
				value = switchedOn
			case len(args) > 0:
				value, args = args[0], args[1:]
			default:
				return false, false
			}
			if f.value.Set(value) == nil {
				continue next
			}
		}
		return false, false
	}
	return reload, true
}
