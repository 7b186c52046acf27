// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Package is the UCI package that holds the configuration.
const Package = "network"

// Runner holds what all runs on a machine have in common. It has no state but where its
// files lie, which it finds out once. It is not safe for concurrent use.
type Runner struct {
	// ConfigDir is the directory of the UCI configuration. Empty: that of uci, if it has a
	// file for us or netifd is there; else /etc/mptcpctl.
	ConfigDir string
	// StateDir is the directory of the runtime choices; empty: /var/state, or
	// /run/mptcpctl where that is missing.
	StateDir string
	// StagedDir is the directory of uncommitted changes, OverrideDir that of files that are
	// read in place of those in ConfigDir. Empty: those of uci with the default ConfigDir,
	// else none. Without netifd neither is read.
	StagedDir, OverrideDir string
	// UCI has the uci program asked for the configuration.
	UCI bool
	// UbusSocket is the socket of ubusd; empty: where OpenWrt has it.
	UbusSocket string
	// LockFile is held by every run that changes something. The files of Settle and
	// Watch are beside it. Empty: /var/lock/mptcpctl.lock where netifd is, with the
	// others in /var/run/mptcpctl; else all are in /run/mptcpctl, which is made.
	LockFile string
	// LockTimeout is how long a run waits for the lock.
	LockTimeout time.Duration
	// StartSettle starts a process that calls Settle, and does not wait for it. With nil
	// what waits is left to the next run.
	StartSettle func() error
	// Warned is called with the warnings about the files whenever they have been read,
	// before it is known whether a run can go on. It may be nil.
	Warned func(warnings []string)

	hasNetifd  *bool  // nil: not looked for yet
	configFile string // that the configuration was read from; empty: not read yet
}

// Source is where the configuration and the runtime choices are read and written.
func (r *Runner) Source() uci.Source {
	state := r.StateDir
	if state == "" {
		state = "/var/state"
		if _, err := os.Stat(state); err != nil {
			state = "/run/mptcpctl"
		}
	}
	staged, override := r.StagedDir, r.OverrideDir
	dir := r.configDir()
	if filepath.Clean(dir) == uci.DefaultConfigDir {
		staged, override = cmp.Or(staged, uci.DefaultStagedDir), cmp.Or(override, uci.DefaultOverrideDir)
	}
	return uci.Source{
		ConfigDir: dir, StateDir: state, StagedDir: staged, OverrideDir: override,
		Netifd: r.withNetifd(), Program: r.UCI,
	}
}

// ConfigFile is the path of the configuration, for messages: that of the file that was
// read last, or that there should be.
func (r *Runner) ConfigFile() string {
	return cmp.Or(r.configFile, filepath.Join(r.configDir(), Package))
}

// configDir is ConfigDir, or its default. A machine without netifd can have an
// /etc/config of something else. The file can come and go while Watch runs.
func (r *Runner) configDir() string {
	if r.ConfigDir != "" {
		return r.ConfigDir
	}
	_, err := os.Lstat(filepath.Join(uci.DefaultConfigDir, Package))
	if err == nil || r.withNetifd() {
		return uci.DefaultConfigDir
	}
	return configDirElsewhere
}

// Config reads and checks the configuration. Its errors are ErrConfig; the bad values
// of single interfaces are no error, but those of Problems.
func (r *Runner) Config(ctx context.Context) (config.Config, error) {
	_, cfg, err := r.readPackage(ctx)
	return cfg, err
}

// readPackage gives the sections too.
func (r *Runner) readPackage(ctx context.Context) (*uci.Package, config.Config, error) {
	pkg, err := r.Source().Read(ctx, Package)
	if errors.Is(err, uci.ErrProgram) || errors.Is(err, uci.ErrNoProgram) {
		return nil, config.Config{}, err // it says nothing about the configuration
	}
	if err != nil {
		return nil, config.Config{}, of(ErrConfig, err)
	}
	r.configFile = pkg.File
	cfg, err := parseConfig(pkg.File, pkg)
	if err == nil {
		noteSaved(pkg, &cfg)
	}
	if r.Warned != nil {
		r.Warned(cfg.Warnings)
	}
	return pkg, cfg, of(ErrConfig, err)
}

// parseConfig checks a configuration. With an error there are warnings only.
func parseConfig(file string, pkg *uci.Package) (config.Config, error) {
	cfg, err := config.Parse(file, pkg)
	for _, w := range pkg.Warnings {
		w.File = cmp.Or(w.File, file)
		cfg.Warnings = append(cfg.Warnings, w.String())
	}
	return cfg, err
}
