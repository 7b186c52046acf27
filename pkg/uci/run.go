// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/child"
)

// runTimeout bounds each call of uci, which takes a few milliseconds.
const runTimeout = 5 * time.Second

// capped is a buffer that fails beyond MaxSize bytes, which ends the child.
type capped struct {
	buf  bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > MaxSize {
		c.over = true
		return 0, ErrTooLarge
	}
	return c.buf.Write(p)
}

// ends keeps the beginning and the end of what is written to it. uci writes one line
// for each unreadable one, and the one about an open quote comes last.
type ends struct{ head, tail []byte }

const endSize = 16 << 10

func (e *ends) Write(p []byte) (int, error) {
	n := min(len(p), endSize-len(e.head))
	e.head = append(e.head, p[:n]...)
	e.tail = append(e.tail, p[n:]...)
	if len(e.tail) > 2*endSize {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-endSize:]...)
	}
	return len(p), nil
}

func (e *ends) String() string { return string(e.head) + string(e.tail) }

// run executes a program and returns what it wrote.
func run(ctx context.Context, path string, args []string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	var out capped
	var written ends
	process, err := child.Start(ctx, path, args, &out, &written)
	if err == nil {
		err = process.Wait()
	}
	_, signalled := err.(child.SignalError)
	switch {
	case out.over:
		err = ErrTooLarge
	case err == nil:
		return out.buf.String(), written.String(), nil
	case ctx.Err() == context.DeadlineExceeded:
		err = programError{fmt.Errorf("no answer within %v", runTimeout)}
	case errors.Is(err, context.Canceled), process == nil, signalled:
		err = programError{err}
	default:
		err = failure(err, written.String())
	}
	return "", "", fmt.Errorf("uci %s: %w", strings.Join(args, " "), err)
}

// programError is an ErrProgram with a text of its own.
type programError struct{ error }

func (programError) Is(target error) bool { return target == ErrProgram }

func (e programError) Unwrap() error { return e.error }

// failure adds the first line that is not about a skipped line of the file.
func failure(err error, stderr string) error {
	for _, line := range child.Lines(stderr) {
		if _, skipped := readWarning(line); !skipped {
			return fmt.Errorf("%w: %s", err, line)
		}
	}
	return err
}
