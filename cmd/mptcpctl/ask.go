// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// ask puts a question and reports whether the answer is yes; the end of the
// input and an interrupt are a no. The output may go into a file, where nobody
// would read the question.
func (o *options) ask(ctx context.Context, question string) bool {
	if _, err := io.WriteString(o.err, question); err != nil {
		return false
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.in).ReadString('\n')
		answer <- line
	}()
	line := ""
	select {
	case <-ctx.Done():
	case line = <-answer:
	}
	if !strings.HasSuffix(line, "\n") {
		_, _ = io.WriteString(o.err, "\n") // What follows is no answer.
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes"
}
