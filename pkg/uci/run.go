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

// head keeps the beginning of what is written to it. uci writes one line for each
// unreadable one.
type head []byte

const headSize = 16 << 10

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), headSize-len(*h))]...)
	return len(p), nil
}

// run executes a program and returns what it wrote.
func run(ctx context.Context, path string, args []string) (stdout string, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	var out capped
	var written head
	process, err := child.Start(ctx, path, args, &out, &written)
	if err == nil {
		err = process.Wait()
	}
	_, signalled := err.(child.SignalError)
	switch {
	case out.over:
		err = ErrTooLarge
	case err == nil:
		return out.buf.String(), nil
	case ctx.Err() == context.DeadlineExceeded:
		err = programError{fmt.Errorf("no answer within %v", runTimeout)}
	case errors.Is(err, context.Canceled), process == nil, signalled:
		err = programError{err}
	default:
		err = failure(err, string(written))
	}
	return "", fmt.Errorf("uci %s: %w", strings.Join(args, " "), err)
}

// programError is an ErrProgram with a text of its own.
type programError struct{ error }

func (programError) Is(target error) bool { return target == ErrProgram }

func (e programError) Unwrap() error { return e.error }

// failure adds the first line that is not about a skipped line of the file, as "Parse
// error (REASON) at line 3, byte 7" is (uci_get_errorstr in libuci.c).
func failure(err error, stderr string) error {
	for _, line := range child.Lines(stderr) {
		if !strings.HasPrefix(line, "Parse error (") {
			return fmt.Errorf("%w: %s", err, line)
		}
	}
	return err
}
