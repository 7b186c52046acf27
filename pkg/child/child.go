// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
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

// Wait waits for the end of the program and of its output. The error is that of the
// context where it was killed for it, else what it ended with ("exit status 1"), else
// that of stdout or stderr, or ErrHeld.
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
	switch {
	case err != nil:
		return err
	case !state.Exited() && p.ctx.Err() != nil:
		return p.ctx.Err()
	case !state.Success():
		return errors.New(state.String())
	}
	return failed
}
