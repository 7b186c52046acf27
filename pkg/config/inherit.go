// SPDX-License-Identifier: Apache-2.0

package config

// inherit gives a section without the option the mode of another: of the one
// whose alias it is ("option device '@wan'"), of the one whose dynamic
// interface it is by name, or of the only section that sets the option on the
// same device (OpenWrt's default "wan6" beside "wan"). The second case needs
// no section and is Config.Dynamic.
func (p *parser) inherit() {
	for i := range p.cfg.Interfaces {
		child := &p.cfg.Interfaces[i]
		if child.Own {
			continue
		}
		parent, ok := p.parent(*child, len(p.cfg.Interfaces))
		if !ok {
			continue
		}
		child.Mode, child.From = parent.Mode, parent.Name
		child.Frozen = child.Frozen || parent.Frozen
	}
}

// parent follows aliases of aliases; depth ends a circle of them.
func (p *parser) parent(child Interface, depth int) (Interface, bool) {
	if depth == 0 {
		return Interface{}, false
	}
	if len(child.Device) > 1 && child.Device[0] == '@' {
		target, ok := p.cfg.Interface(child.Device[1:])
		if !ok || target.Name == child.Name {
			return Interface{}, false
		}
		if target.Own {
			return target, true
		}
		return p.parent(target, depth-1)
	}
	return p.sameDevice(child)
}

func (p *parser) sameDevice(child Interface) (Interface, bool) {
	var found []Interface
	for _, i := range p.cfg.Interfaces {
		if i.Own && i.Device == child.Device && child.Device != "" {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return Interface{}, false
	}
	return found[0], true
}
