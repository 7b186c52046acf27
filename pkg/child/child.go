// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// ErrHeld is the error of a program that has ended well, while another process, one
// that it started, kept its output open: there may be more of it.
var ErrHeld = errors.New("another process keeps its output open")

// holdTimeout is how long the output of a program that has ended is still read.
const holdTimeout = time.Second

// LookPath returns the path of the program that the shell would run. One that is found
// first in a relative directory of the PATH does not count.
func LookPath(name string) (path string, found bool) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, filepath.IsAbs(path)
		}
	}
	return "", false
}

// Process is a program that runs. Wait must be called.
type Process struct {
	Pid int
	// Code is what it exited with, known after Wait; -1: it was killed.
	Code int

	ctx     context.Context
	release func() bool
	process *os.Process
	pipes   []*os.File
	copied  chan error
}

// Start starts the program at path, which is killed when ctx is done. What it writes
// goes to stdout and stderr until Wait returns, and it gets SIGPIPE when one of them
// fails.
func Start(ctx context.Context, path string, args []string, stdout, stderr io.Writer) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	files := []*os.File{null}
	defer func() { closeAll(files) }()
	p := &Process{ctx: ctx, copied: make(chan error, 2)}
	for range cap(p.copied) {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(p.pipes)
			return nil, err
		}
		p.pipes, files = append(p.pipes, r), append(files, w)
	}
	p.process, err = os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{Files: files})
	if err != nil {
		closeAll(p.pipes)
		return nil, err
	}
	p.Pid = p.process.Pid
	go p.copy(stdout, p.pipes[0])
	go p.copy(stderr, p.pipes[1])
	p.release = context.AfterFunc(ctx, func() { _ = p.process.Kill() }) // it fails where the program has ended
	return p, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// copy closes the pipe where the writer has failed too: who goes on writing is ended.
func (p *Process) copy(to io.Writer, from *os.File) {
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if _, failed := to.Write(buffer[:n]); failed != nil {
			err = failed
		}
		if err != nil {
			p.copied <- err
			return
		}
	}
}

// SignalError is the error of a program that a signal has ended.
type SignalError syscall.Signal

func (e SignalError) Error() string { return "signal: " + syscall.Signal(e).String() }

// Wait waits for the end of the program and of its output. The error is that of the
// context where it was killed for it, else what it ended with ("exit status 1", or a
// SignalError), else that of stdout or stderr, or ErrHeld. An interrupt is that of the
// caller: a terminal sends it to both, and the program may be the first to end.
func (p *Process) Wait() error {
	state, err := p.process.Wait()
	p.release()
	if err == nil {
		p.Code = state.ExitCode()
	}
	for _, pipe := range p.pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(holdTimeout)) // it fails where all has been read
	}
	var failed error
	for range p.pipes {
		switch err := <-p.copied; {
		case err == io.EOF || failed != nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			failed = ErrHeld
		default:
			failed = err
		}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case err != nil:
		return err
	case !state.Exited() && p.ctx.Err() != nil:
		return p.ctx.Err()
	case status.Signaled() && status.Signal() == syscall.SIGINT:
		return context.Canceled
	case status.Signaled():
		return SignalError(status.Signal())
	case !state.Success():
		return errors.New("exit status " + strconv.Itoa(state.ExitCode()))
	}
	return failed
}

// maxLine is how many characters Lines leaves of each line.
const maxLine = 200

// Lines are the lines that a program has written for people, without blank ones, and
// without what a terminal would obey: escape sequences (ECMA-48 section 5) and control
// characters.
func Lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		var b strings.Builder
		n := 0
		for i := 0; i < len(line) && n < maxLine; {
			r, size := utf8.DecodeRuneInString(line[i:])
			switch {
			case r == 0x1b || r == 0x9b:
				i = afterEscape(line, i+size, r == 0x9b)
				continue
			case r == '\t':
				r = ' '
			case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && size == 1:
				r = -1
			}
			i += size
			if r >= 0 {
				b.WriteRune(r)
				n++
			}
		}
		if line := strings.TrimSpace(b.String()); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// afterEscape is the end of an escape sequence that has begun before i: a control
// sequence ends with a byte from @ to ~, a string with BEL or ESC \, and any other
// sequence has one byte behind its intermediate ones.
func afterEscape(s string, i int, control bool) int {
	if !control && i < len(s) {
		switch i++; s[i-1] {
		case '[':
			control = true
		case ']', 'P', 'X', '^', '_':
			for i < len(s) && s[i] != 7 && s[i] != 0x1b {
				i++
			}
			if i < len(s) && s[i] == 7 {
				i++
			}
			return i
		default:
			for i < len(s) && s[i-1] >= ' ' && s[i-1] < '0' {
				i++
			}
			return i
		}
	}
	for control && i < len(s) {
		if i++; s[i-1] >= '@' && s[i-1] <= '~' {
			break
		}
	}
	return i
}
