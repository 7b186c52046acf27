// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// A machine is the router or the server of a recipe: a namespace, and a directory
// that stands for its file system.
type machine struct {
	*recipe
	at   *netlab.Namespace
	root string
	path string // its PATH
}

// programLimit ends a program that the tests could not.
const programLimit = "150"

// install copies the etc of an example to the machine. What the reader is told
// to put in its place is replaced, and so are the places of files.
func (m *machine) install(example string) {
	m.Helper()
	m.must(filepath.WalkDir(filepath.Join(example, "etc"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(example, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(m.root, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, []byte(m.read(path)), info.Mode())
	}))
}

// read returns a file of the examples as it is on the machine.
func (m *machine) read(path string) string {
	m.Helper()
	text, err := os.ReadFile(path)
	m.must(err)
	return m.adapt(string(text))
}

// adapt puts the lab's names and addresses in place of the example's, and more:
// pairs of old and new words.
func (m *machine) adapt(text string, more ...string) string {
	return strings.NewReplacer(append([]string{
		"203.0.113.10", netlab.Addr4.Addr().String(),
		"198.51.100.1", netlab.ServerSecondGateway.String(),
		"br-lan", "lan0",
		"/etc/", m.root + "/etc/", "/usr/sbin/mptcpctl", m.root + "/usr/sbin/mptcpctl", "/var/run/", m.root + "/var/run/",
	}, more...)...).Replace(text)
}

// command returns a program to run on the machine, with a limit to its time.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.ctx, "timeout", append([]string{programLimit}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+m.path, netlab.DirVariable+"="+m.Dir)
	cmd.Dir = m.root
	return cmd
}

// run runs a program on the machine to its end, and returns what it printed.
func (m *machine) run(args ...string) string {
	m.Helper()
	var printed strings.Builder
	cmd := m.command(args...)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := m.at.Run(cmd); err != nil {
		m.Fatalf("%s: %q: %v\n%s", m.at.Name, args, err, &printed)
	}
	return printed.String()
}

// follow runs, in dir of the machine, the commands of the README's block in which
// the given words stand.
func (m *machine) follow(readme, words, dir string) {
	m.Helper()
	m.run("sh", "-ec", "cd \"$1\"\n"+m.adapt(readBlock(m.T, readme, words)), "sh", filepath.Join(m.root, dir))
}

// readBlock returns the commands of the README's block in which the given words stand.
func readBlock(t *testing.T, readme, words string) string {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```") {
		if i%2 == 1 && strings.Contains(block, words) {
			return strings.TrimPrefix(block, "sh")
		}
	}
	t.Fatalf("%s has no block with %q", readme, words)
	return ""
}

// procd is as much of OpenWrt's rc.common as tells what a service would start.
const procd = `
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() { if [ "$1" = command ]; then shift; printf '%s\n' "$@"; fi; }
. "$1"
start_service`

// service returns the command that an init script of OpenWrt starts.
func (m *machine) service(script string) []string {
	m.Helper()
	return strings.Fields(m.run("busybox", "ash", "-c", procd, "rc.common", filepath.Join(m.root, script)))
}

// unit runs what a systemd unit runs first, and returns the command that it starts.
func (m *machine) unit(file string) (start []string) {
	m.Helper()
	text, err := os.ReadFile(filepath.Join(m.root, file))
	m.must(err)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "ExecStartPre":
			m.run(strings.Fields(value)...)
		case "ExecStart":
			start = strings.Fields(value)
		}
	}
	return start
}
