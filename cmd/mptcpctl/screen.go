// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Control sequences (ECMA-48; the private modes are those of xterm). A terminal
// without an alternate screen, such as the Linux console, ignores altScreen;
// therefore mainScreen erases the screen.
const (
	altScreen   = "\x1b[?1049h\x1b[?25l"
	mainScreen  = "\x1b[H\x1b[J\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseToEdge = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// live shows what draw returns on a screen of its own, and draws it again at each
// interval and whenever the terminal changes its size, until q, an interrupt, a
// hang-up, or an error of draw. Then it restores the terminal. For output that is
// not a terminal see every.
func (o *options) live(ctx context.Context, interval time.Duration, draw func(width, height int) (string, error)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !signal.Ignored(unix.SIGHUP) { // as nohup does
		var leave context.CancelFunc
		ctx, leave = signal.NotifyContext(ctx, unix.SIGHUP)
		defer leave()
	}
	restore, err := unbuffered(o.in)
	if err != nil {
		return wrap("preparing the terminal", err)
	}
	go awaitQuit(o.in, stop)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	ticks := time.NewTicker(interval)
	defer ticks.Stop()

	err = o.printf(altScreen)
	for err == nil && ctx.Err() == nil {
		var text string
		width, height := terminalSize(o.out)
		if text, err = draw(width, height); err == nil {
			_, err = o.out.Write(frame(text, width, height))
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-resized:
			case <-ticks.C:
			}
		}
	}
	if ctx.Err() != nil {
		err = nil // an error of draw that comes from the interrupt
	}
	return errors.Join(err, o.printf(mainScreen), wrap("restoring the terminal", restore()))
}

// every calls print at each interval until it fails or is interrupted. An interrupt
// is the normal end, and not an error.
func every(ctx context.Context, interval time.Duration, print func() error) error {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		if err := print(); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}

// frame draws over the last frame. Each line is erased only after its text, so that
// nothing flickers, and a full line is not erased, since the cursor is then still
// on its last character.
func frame(text string, width, height int) []byte {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > height {
		more := len(lines) - height + 1
		lines = append(lines[:height-1:height-1], fmt.Sprintf("... and %d more", more))
	}
	b := bytes.NewBufferString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		line = strings.Map(printable, line)
		if n := utf8.RuneCountInString(line); n < width {
			b.WriteString(line + eraseToEdge)
			continue
		}
		b.WriteString(string([]rune(line)[:width]))
	}
	if len(lines) < height {
		b.WriteString("\r\n" + eraseBelow)
	}
	return b.Bytes()
}
