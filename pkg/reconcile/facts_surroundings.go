// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/child"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// readSurroundings looks for other programs: their processes, their
// configuration, what nftables marks, the package manager.
func (r *Runner) readSurroundings(ctx context.Context, f *doctor.Facts) {
	f.Processes = processes(f)
	r.tryLock(ctx, f)
	f.Networkd = configFiles("systemd", "networkd.conf", "networkd.conf.d")
	f.NetworkManager = configFiles("NetworkManager", "NetworkManager.conf", "conf.d")
	if f.PolicyBehind() {
		readRuleset(ctx, f)
	}
	if _, found := child.LookPath("uci"); !found {
		f.File = r.ConfigFile()
	}
	for _, manager := range [...][2]string{{"/usr/bin/apk", "apk add"}, {"/bin/opkg", "opkg install"}} {
		if _, err := os.Stat(manager[0]); err == nil && f.Install == "" {
			f.Install = manager[1]
		}
	}
	f.Firewall = r.readIfThere(ctx, f, "firewall")
	if pkg := r.readIfThere(ctx, f, "mwan3"); pkg != nil {
		for _, s := range pkg.Sections {
			if word, _ := s.Get("enabled"); s.Type == "interface" && word == "1" {
				f.Mwan3 = true
			}
		}
	}
}

// readIfThere reads a package of UCI; nil where there is none.
func (r *Runner) readIfThere(ctx context.Context, f *doctor.Facts, name string) *uci.Package {
	if _, err := os.Stat(filepath.Join(r.configDir(), name)); err != nil {
		return nil
	}
	pkg, err := r.Source().Read(ctx, name)
	if err != nil {
		f.Unchecked = append(f.Unchecked, err.Error())
		return nil
	}
	return pkg
}

// configFiles are the texts of a program's configuration, in the order in which they
// count: its file, then those of its directories, in each by their names
// (systemd.syntax(7), NetworkManager.conf(5); both sort those of all directories).
func configFiles(program, main, folder string) string {
	text, _ := os.ReadFile(filepath.Join("/etc", program, main)) // empty where there is none
	for _, root := range []string{"/usr/lib", "/run", "/etc"} {
		root = filepath.Join(root, program, folder)
		names, _ := file.Names(root) // few have all three
		slices.Sort(names)
		for _, name := range names {
			if more, err := os.ReadFile(filepath.Join(root, name)); err == nil && filepath.Ext(name) == ".conf" {
				text = append(append(text, '\n'), more...)
			}
		}
	}
	return string(text)
}
