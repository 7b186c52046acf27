// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// unmanaged finds interfaces that take no part and yet have a default route.
func (e *examination) unmanaged() {
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		if !l.Netifd.Up || l.Netifd.Dynamic || l.Frozen || l.Mode != config.Off || l.Chosen {
			continue
		}
		for _, f := range plan.Families {
			r, ok := defaultInMain(l, f)
			if !ok {
				continue
			}
			switch {
			case l.Own:
				e.offFirst(l, f, r.Metric)
				continue
			case l.From != "", e.shares(l, f, r.Metric):
				continue
			case tunnel(l.Netifd.Proto):
				e.add(TunnelDefault, l.Name, "it has a default route but no option multipath: it takes no part")
			default:
				e.add(NoMode, l.Name, "it has a default route, as the lines do, but no option multipath: it takes no part (set 'off' if that is intended)",
					"mptcpctl iface "+l.Name+" on --save")
			}
			break
		}
	}
}

// shares reports whether an interface is on the device of a line, or below it (PPPoE),
// and comes behind it in the main table: it is for the modem's page then.
func (e *examination) shares(outside *plan.LineUse, f plan.Family, metric uint32) bool {
	return slices.ContainsFunc(e.participants(), func(l *plan.LineUse) bool {
		r, ok := defaultInMain(l, f)
		return (l.Device == outside.Device || l.Interface.Device == outside.Device) && l.Has(f) && (!ok || plan.MetricOf(f, r.Metric) <= plan.MetricOf(f, metric))
	})
}

// defaultInMain is the default route that netifd has put into the main table.
func defaultInMain(l *plan.LineUse, f plan.Family) (*netifd.Route, bool) {
	for i := range l.Netifd.Routes {
		if r := &l.Netifd.Routes[i]; r.Default() && plan.FamilyOf(r.Target.Addr()) == f && r.Table == 0 && r.Type == 0 && l.NetifdTable(f) == 0 {
			return r, true
		}
	}
	return nil, false
}

// offFirst finds an interface that is off, but first in the main table: programs and
// netifd itself take that for the best way.
func (e *examination) offFirst(off *plan.LineUse, f plan.Family, metric uint32) {
	first := ""
	for _, l := range e.participants() {
		r, ok := defaultInMain(l, f)
		if !l.Use[f].Usable || !ok {
			continue
		}
		if plan.MetricOf(f, r.Metric) <= plan.MetricOf(f, metric) {
			return
		}
		if first == "" {
			first = l.Name
		}
	}
	if first != "" {
		e.add(OffFirst, off.Name, fmt.Sprintf("it is off, but its default route (metric %d) comes before that of %s in the main table", metric, first),
			setting(fmt.Sprintf("%s.metric=%d", off.Name, e.freeMetric()))...)
	}
}

// devices finds sections that name a device which does not exist. What has a
// slash is none of the kernel's network devices (QMI, a modem on USB), and an
// old bridge has several.
func (e *examination) devices() {
	for k := range e.Result.Lines {
		i := &e.Result.Lines[k].Interface
		if i.Own && !e.Result.Lines[k].Netifd.Up && i.Mode != config.Off && !strings.ContainsAny(i.Device, "/@") && slices.Contains(e.Missing, i.Device) &&
			e.option(i.Name, "type") == "" && !trueWord(e.option(i.Name, "disabled")) && !e.madeByNetifd(i.Device) {
			e.add(DeviceMissing, i.Name, "its device "+i.Device+" does not exist", setting(i.Name+".device=DEVICE")...)
		}
	}
}

// madeByNetifd reports whether netifd makes a device, as soon as an interface needs it.
func (e *examination) madeByNetifd(device string) bool {
	for i := 0; e.Network != nil && i < len(e.Network.Sections); i++ {
		if s := &e.Network.Sections[i]; s.Type == "device" && word(s, "name") == device {
			return true
		}
	}
	return false
}

func trueWord(word string) bool { return word != "" && !falseWord(word) }
