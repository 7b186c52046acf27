// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
)

// readOptions reads what the configuration has beside what a plan needs.
func (o *options) readOptions(ctx context.Context, f *doctor.Facts) {
	pkg, err := o.source().Read(ctx, uciPackage)
	if err != nil {
		f.Unseen = append(f.Unseen, err.Error())
		return
	}
	f.DefaultRoute = make(map[string]string)
	for _, s := range pkg.Sections {
		if word, ok := s.Get("defaultroute"); ok && s.Type == "interface" {
			f.DefaultRoute[s.Name] = word
		}
	}
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
