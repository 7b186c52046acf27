// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"io/fs"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// readSaved notes which modes are runtime choices, and what the configuration says
// below them. The file is read again only where there is one.
func (r *Runner) readSaved(ctx context.Context, pkg *uci.Package, cfg *config.Config) error {
	chosen, err := r.Source().Chosen(ctx, pkg)
	if errors.Is(err, fs.ErrPermission) {
		cfg.Hidden = true
		cfg.Warnings = append(cfg.Warnings, "modes may be others, runtime choices cannot be read: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	var saved *uci.Package
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if _, runtime := ModeOf(chosen, one.Name); !one.Own || !runtime {
			continue
		}
		if saved == nil {
			if saved, err = r.Source().Saved(ctx, Package); err != nil {
				return err
			}
		}
		word, _ := ModeOf(saved, one.Name)
		mode, ok := config.ParseMode(word)
		cfg.SetSaved(one.Name, mode, ok)
	}
	return nil
}

// ModeOf is the mode that a section sets, as it is written. A section that is only
// staged is in no file yet.
func ModeOf(pkg *uci.Package, name string) (word string, ok bool) {
	section, there := pkg.Section(name)
	if !there {
		return "", false
	}
	return section.Get(config.OptionMultipath)
}
