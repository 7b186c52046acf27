// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (r *Runner) settleFile() string { return r.file("settle") }

// callSettle tells settle that a run has looked, and starts one, detached, where
// something waits, or it is to look on, and none is running: the queue of netifd waits for this
// process, and must not wait for that one. The caller holds the lock.
func (r *Runner) callSettle(outcome *Outcome, look bool) error {
	result := &outcome.Result
	flags := os.O_RDWR | os.O_APPEND
	rescue, unknown := false, error(nil)
	if result.MayNeedRescue() || result.Joins() {
		rescue, unknown = connected()
	}
	wanted := len(result.Waiting) > 0 || rescue || outcome.flags || look
	if wanted {
		flags |= os.O_CREATE
	}
	f, err := openOwn(r.settleFile(), flags)
	if errors.Is(err, fs.ErrNotExist) {
		return unknown
	}
	if err != nil {
		return errors.Join(unknown, err)
	}
	running, err := (&Lock{f}).call(settleCall{carriers: result.NoCarrier, rescue: rescue, gone: result.RemovedAddrs(), look: look})
	// Closed before settle starts, which wants the lock that was tried here.
	if err = errors.Join(err, f.Close()); err == nil && wanted && !running && r.StartSettle != nil {
		err = r.StartSettle()
	}
	return errors.Join(unknown, err)
}

// settleCall is what runs leave for settle to know.
type settleCall struct {
	// event is when the last of them looked, as SinceBoot. 0: none did.
	event time.Duration
	// carriers are the devices whose endpoints wait for a carrier.
	carriers []string
	// rescue says that connections may have lost their last subflow, and gone are the
	// addresses that were announced to peers as gone.
	rescue bool
	gone   []netip.Addr
	// look says that netifd may still be reading a new configuration.
	look bool
}

// settleEvent is before the time of a call in the file, in nanoseconds; alone, as
// settleLook, it stands for settleCall.look. settleRescue is before each of
// settleCall.gone, and alone for settleCall.rescue. No device's name begins so
// (net/core/dev.c, dev_valid_name).
const (
	settleEvent  = ":"
	settleLook   = ":"
	settleRescue = "/"
)

// call leaves it in settle's file, a line for each name; the event is now. It reports
// whether a settle runs, which will look again.
func (l *Lock) call(c settleCall) (running bool, err error) {
	// The first line is empty: it ends one that a killed run has begun.
	lines := append([]string{"", settleEvent + strconv.FormatInt(int64(SinceBoot()), 10)}, c.carriers...)
	if c.rescue {
		lines = append(lines, settleRescue)
		for _, addr := range c.gone {
			lines = append(lines, settleRescue+addr.String())
		}
	}
	if c.look {
		lines = append(lines, settleLook)
	}
	if _, err := l.f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		return false, fmt.Errorf("settle: %w", err)
	}
	err = unix.Flock(int(l.f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// takeCall reads what runs have left, and takes it out.
func (l *Lock) takeCall() (c settleCall, err error) {
	data, err := l.content()
	if err != nil {
		return c, fmt.Errorf("settle: %w", err)
	}
	if len(data) == 0 {
		return c, nil
	}
	now := SinceBoot()
	for line := range strings.Lines(data) {
		name := strings.TrimSuffix(line, "\n")
		event, called := strings.CutPrefix(name, settleEvent)
		gone, rescue := strings.CutPrefix(name, settleRescue)
		switch {
		case name == settleLook: // or a half event, of a run that was killed
			c.look = true
		case called:
			// One that is still to come is of an earlier boot, and no time of this one.
			if at, err := strconv.ParseInt(event, 10, 64); err == nil && time.Duration(at) <= now {
				c.event = max(c.event, time.Duration(at))
			}
		case rescue:
			c.rescue = true
			if addr, err := netip.ParseAddr(gone); err == nil { // else it is a half one, of a run that was killed
				c.gone = append(c.gone, addr)
			}
		case name != "":
			c.carriers = append(c.carriers, name)
		}
	}
	if c.event == 0 || len(data) == maxHint { // without a time, or with more than was read
		c.event = now
	}
	return c, l.f.Truncate(0)
}

// stopSettle ends every settle, running or still starting: without its file it
// does nothing any more. The caller holds the lock.
func (r *Runner) stopSettle() error {
	if err := os.Remove(r.settleFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// called reports whether a settle that holds this file is still wanted: a run
// may have removed the file, or created it again for another settle.
func (r *Runner) called(own *Lock) bool {
	mine, err := own.f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(r.settleFile())
	return err == nil && os.SameFile(mine, now)
}
