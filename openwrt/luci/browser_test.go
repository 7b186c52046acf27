// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// programVariable names the environment variable in which the tests find mptcpctl.
const programVariable = "LUCI_MPTCPCTL"

// withProgram runs the tests with mptcpctl, newly built.
type withProgram struct{ *testing.M }

func (w withProgram) Run() int {
	dir, err := os.MkdirTemp("", "luci-bin-")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // in /tmp
	program := filepath.Join(dir, "mptcpctl")
	build := exec.Command("go", "build", "-o", program, "github.com/mptcpctl/mptcpctl/cmd/mptcpctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("%w\n%s", err, text))
	}
	if err := os.Setenv(programVariable, program); err != nil {
		return complain(err)
	}
	return w.M.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// tab is a page in a browser.
type tab struct {
	*testing.T
	ctx context.Context

	sync.Mutex
	wrong []string // exceptions, and what was written to the console as an error
}

// open shows a view to a login, in a window of a size.
func (r *router) open(session, view string, width, height int) *tab {
	r.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser(r.T)), chromedp.NoSandbox, chromedp.WindowSize(width, height),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	allocator, stop := chromedp.NewExecAllocator(r.Context(), options...)
	ctx, end := chromedp.NewContext(allocator)
	t := &tab{T: r.T, ctx: ctx}
	r.Cleanup(func() { end(); stop() })
	r.must(chromedp.Listen(ctx, t.hear))
	t.do(chromedp.EmulateViewport(int64(width), int64(height)),
		chromedp.Navigate(fmt.Sprintf("%s/cgi-bin/luci/%s/%s", r.URL, session, view)))
	return t
}

// browser is Chromium, as Debian has it.
func browser(t *testing.T) string {
	for _, name := range []string{"chromium-headless-shell", "chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no chromium-headless-shell: .ci/need installs it")
	return ""
}

func (t *tab) hear(event any) {
	t.Lock()
	defer t.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		t.wrong = append(t.wrong, exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			t.wrong = append(t.wrong, fmt.Sprint(e.Args))
		}
	}
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

// faults are the page's own, until now.
func (t *tab) faults() string {
	t.Lock()
	defer t.Unlock()
	return strings.Join(t.wrong, "\n")
}

func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%v\n%s", err, t.faults())
	}
}

// evaluated is the value of an expression of JavaScript.
func evaluated[T any](t *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v\n%s", expression, err, t.faults())
	}
	return value
}

// text is what the page says.
func (t *tab) text() string {
	t.Helper()
	return evaluated[string](t, "document.body.innerText")
}

// is evaluates a condition.
func (t *tab) is(condition string) bool {
	t.Helper()
	return evaluated[bool](t, "!!("+condition+")")
}

// await waits until a condition is true.
func (t *tab) await(condition string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !t.is(condition); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s\n%s\n%s", condition, t.text(), t.faults())
		}
	}
}

// says waits until the page has a text.
func (t *tab) says(text string) {
	t.Helper()
	t.await(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// press clicks a button by its text, in a part of the page.
func (t *tab) press(part, text string) {
	t.Helper()
	button := fmt.Sprintf("Array.from(document.querySelectorAll(%q)).find((b) => b.innerText.trim().toLowerCase() == %q.toLowerCase())", part+" button", text)
	t.await(button)
	t.is(button + ".click()")
}
