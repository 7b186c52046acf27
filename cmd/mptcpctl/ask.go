// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"strings"
)

// ask puts a question and reports whether the answer is yes; the end of the
// input and an interrupt count as no. The question goes to stderr, since the
// output may be redirected to a file.
func (o *options) ask(ctx context.Context, question string) bool {
	if _, err := io.WriteString(o.err, question); err != nil {
		return false
	}
	answer := make(chan string, 1)
	go func() {
		answer <- readLine(o.in)
	}()
	line := ""
	select {
	case <-ctx.Done():
	case line = <-answer:
	}
	if !strings.HasSuffix(line, "\n") {
		_, _ = io.WriteString(o.err, "\n") // What follows is not on the line of the question.
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes"
}

// readLine reads up to the end of a line, and no further.
func readLine(r io.Reader) string {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		line = append(line, b[:n]...)
		if err != nil || n == 1 && b[0] == '\n' {
			return string(line)
		}
	}
}
