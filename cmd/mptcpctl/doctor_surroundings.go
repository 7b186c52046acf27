// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// defaultRoutes are the options defaultroute, by interface, which a plan does not
// need.
func defaultRoutes(pkg *uci.Package) map[string]string {
	words := make(map[string]string)
	for _, s := range pkg.Sections {
		if word, ok := s.Get("defaultroute"); ok && s.Type == "interface" {
			words[s.Name] = word
		}
	}
	return words
}

// readSurroundings looks for other programs: their processes, the configuration
// of mwan3, the package manager.
func (o *options) readSurroundings(ctx context.Context, f *doctor.Facts) {
	f.Processes = processes(f)
	if _, err := exec.LookPath("uci"); err != nil {
		f.File = o.configFile()
	}
	for _, manager := range [...][2]string{{"/usr/bin/apk", "apk add"}, {"/bin/opkg", "opkg install"}} {
		if _, err := os.Stat(manager[0]); err == nil && f.Install == "" {
			f.Install = manager[1]
		}
	}
	if _, err := os.Stat(filepath.Join(o.configDir, "mwan3")); err != nil {
		return
	}
	pkg, err := o.source().Read(ctx, "mwan3")
	if err != nil {
		f.Unseen = append(f.Unseen, err.Error())
		return
	}
	for _, s := range pkg.Sections {
		if word, _ := s.Get("enabled"); s.Type == "interface" && word == "1" {
			f.Mwan3 = true
		}
	}
}
