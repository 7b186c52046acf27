// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A daemon is a program that goes on.
type daemon struct {
	m     *machine
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start starts a program; the end of the test stops it.
func (m *machine) start(name string, args []string) *daemon {
	m.Helper()
	d := &daemon{m: m, name: name, cmd: m.command(args...), log: filepath.Join(m.root, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(d.log)
	m.must(err)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	m.must(m.at.Start(d.cmd), log.Close())
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // What it has to say is in its log.
	}()
	m.Cleanup(func() {
		d.stop()
		if m.Failed() {
			m.Logf("%s on the %s:\n%s", name, m.at.Name, d.printed())
		}
	})
	return d
}

// stop tells the program to end, and waits for that.
func (d *daemon) stop() {
	d.m.Helper()
	select {
	case <-d.ended:
		return
	default:
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.m.Error(err)
	}
	<-d.ended
}

func (d *daemon) printed() string {
	d.m.Helper()
	text, err := os.ReadFile(d.log)
	d.m.must(err)
	return string(text)
}

// await waits until the program has printed words.
func (d *daemon) await(words string) {
	d.m.Helper()
	d.eventually(fmt.Sprintf("%s prints %q", d.name, words), func() bool { return strings.Contains(d.printed(), words) })
}

// listens waits until something listens at the port.
func (d *daemon) listens(port string) {
	d.m.Helper()
	d.eventually(d.name+" listens at "+port, func() bool { return d.m.run("ss", "-Hltn", "sport", "=", ":"+port) != "" })
}

func (d *daemon) eventually(what string, come func() bool) {
	d.m.Helper()
	d.m.recipe.eventually(what, func() bool {
		select {
		case <-d.ended:
			d.m.Fatalf("%s ended before it was true that %s", d.name, what)
		default:
		}
		return come()
	})
}
