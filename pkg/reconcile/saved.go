// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// noteSaved notes which modes are runtime choices, and what the configuration says
// below them.
func noteSaved(pkg *uci.Package, cfg *config.Config) {
	if pkg.Hidden != nil {
		cfg.Hidden = true
		cfg.Warnings = append(cfg.Warnings, "modes may be others, runtime choices cannot be read: "+pkg.Hidden.Error())
		return
	}
	var saved map[string]string
	old := make(map[string]string)
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if !one.Own {
			continue
		}
		section, ok := pkg.Section(one.Name)
		if !ok || !section.Runtime(config.OptionMultipath) {
			continue
		}
		if saved == nil {
			saved = Modes(pkg.Saved)
		}
		old[one.Name] = saved[one.Name]
	}
	if len(old) > 0 {
		cfg.SetSaved(old)
	}
}

// Modes are the modes that sections set, by their names, as they are written. Of a
// section that is only staged there is none in the file.
func Modes(pkg *uci.Package) map[string]string {
	words := make(map[string]string)
	seen := make(map[string]bool, len(pkg.Sections))
	for _, section := range pkg.Sections {
		word, ok := section.Get(config.OptionMultipath)
		if ok && !seen[section.Name] {
			words[section.Name] = word
		}
		seen[section.Name] = true // of two with one name the first counts
	}
	return words
}
