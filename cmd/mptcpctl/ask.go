// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"strings"
)

// ask puts a question and reports whether the answer is yes; the end of the
// input is a no.
func (o *options) ask(ctx context.Context, question string) (bool, error) {
	if err := o.printf("%s", question); err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, exitError{exitFailed, ctx.Err()}
	case line := <-answer:
		return line == "y" || line == "yes", nil
	}
}
