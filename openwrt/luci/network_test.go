// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// field is the field of an option.
func field(o config.Option) string {
	section := "wan2"
	if o.Section == "globals" {
		section = o.Section
	}
	if os.Getenv("LUCI") != "" {
		return fmt.Sprintf("document.querySelector('[id=\"widget.cbid.network.%s.%s\"]')", section, o.Name)
	}
	return fmt.Sprintf("document.querySelector('[data-section-id=%s] [data-name=%s]')", section, o.Name)
}

// enter writes a value into a field, as a user does.
func enter(page *tab, o config.Option, value string) {
	page.T.Helper()
	page.is(fmt.Sprintf("(() => { const f = %s; f.value = %q; for (const e of [ 'keyup', 'input', 'change', 'blur' ]) f.dispatchEvent(new Event(e, { bubbles: true })) })()", field(o), value))
}

// TestThePageAcceptsWhatTheProgramDoes compares them for each option and many values: what
// the page lets through, the program must accept.
func TestThePageAcceptsWhatTheProgramDoes(t *testing.T) {
	r := newRouter(t, twoLines())
	page := r.open(administrator, "network", 1280, 1000)
	page.await("document.querySelectorAll('#view select').length > 7")
	offered := 0
	for _, o := range config.Options() {
		if os.Getenv("LUCI") != "" && o.Name == "mptcp_check_host" {
			page.press(`[data-section-id="wan2"]`, "Edit") // Behind the button are the options without a column.
			page.await(field(o))
		}
		if o.Section == "globals" {
			page.is("document.querySelector('.modal button')?.click()")
		}
		if !page.is(field(o)) {
			t.Errorf("%s of %s has no field", o.Name, o.Section)
			continue
		}
		for _, value := range append([]string{"0", "1", "2", "252", "253", "255", "256", "4294967295", "4294967296", "-1", "1.5", "0x10", " 7", "x", "on", "bakcup", "7",
			"3600", "3601", "100", "101", "10001", "dns:192.0.2.1", "tcp:192.0.2.1:443", "tcp:[2001:db8::1]:443", "tcp:2001:db8::1:443", "ping:127.0.0.1", "dns:0.0.0.0",
			"dns:::ffff:192.0.2.1", "ping:fe80::1", "dns:010.0.0.1", "dns:192.0.2.1 ping:192.0.2.2", "dns:239.1.1.1", "tcp:192.0.2.1:0", "tcp:192.0.2.1", "dns:::1",
			"tcp:192.0.2.1:70000", "dns:fe80::1%eth0", "dns:[2001:db8::1]", "http:192.0.2.1", "dns:255.255.255.255", "dns:ff02::1", "dns:192.0.2.1:53", "ping:"}, o.Words...) {
			enter(page, o, value)
			shown := evaluated[string](page, field(o)+".value")
			valid := !page.is(field(o) + ".matches('.cbi-input-invalid')")
			if shown != value {
				continue // A list does not have it.
			}
			offered++
			if accepts := accepted(t, o, value); valid && !accepts {
				t.Errorf("%s of %s: the page lets %q through", o.Name, o.Section, value)
			} else if !valid && accepts && o.Sysctl == "" && value != " 7" {
				t.Errorf("%s of %s: the page refuses %q", o.Name, o.Section, value)
			}
		}
		enter(page, o, "")
	}
	if offered < 100 {
		t.Errorf("%d values were compared", offered)
	}
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

func accepted(t *testing.T, o config.Option, value string) bool {
	text := fmt.Sprintf("config %s 'x'\n option %s '%s'\nconfig interface 'lan'\n", o.Section, o.Name, value)
	if o.Section == "globals" {
		text = strings.Replace(text, "'x'", "'globals'", 1)
	}
	p, err := uci.Parse("network", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("network", p)
	return err == nil && len(cfg.Problems) == 0 && len(cfg.Warnings) == 0
}

// TestAnOptionIsSavedAndApplied sets one, and takes another away, and leaves the rest.
func TestAnOptionIsSavedAndApplied(t *testing.T) {
	r := newRouter(t, twoLines())
	file := filepath.Join(r.ConfigDir(), "network")
	before, err := os.ReadFile(file)
	r.must(err)
	page := r.open(administrator, "network", 1280, 1000)
	page.await("document.querySelectorAll('#view select').length > 7")
	enter(page, config.Option{Section: "interface", Name: "multipath"}, "backup")
	enter(page, config.Option{Section: "globals", Name: "mptcp_subflows"}, "5")
	page.press(".cbi-page-actions", "Save")
	saved := func() string {
		out, err := r.output(r.Command(t.Context(), "uci", "changes", "network"), "")
		r.must(err)
		return out
	}
	for range 100 {
		if strings.Contains(saved(), "wan2.multipath='backup'") && strings.Contains(saved(), "mptcp_subflows='5'") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := strings.TrimSpace(saved()); strings.Count(got, "\n") != 1 {
		t.Errorf("uci has:\n%s", got)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != string(before) {
		t.Errorf("%v: the file has changed before it was applied", err)
	}
	if os.Getenv("LUCI") != "" {
		return // Its own dialogues apply it.
	}
	page.press(".cbi-page-actions", "Save & Apply")
	for range 100 {
		out, err := r.Router.Output(t.Context(), "ip", "mptcp", "endpoint")
		r.must(err)
		if strings.Contains(out, "10.0.2.2") && strings.Contains(out, "backup") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, err := r.Router.Output(t.Context(), "ip", "mptcp", "limits")
	r.must(err)
	if !strings.Contains(out, "subflows 5") {
		t.Errorf("the limits are %s", out)
	}
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

// TestABadValueIsShown leaves it in its field, and lets nothing be saved.
func TestABadValueIsShown(t *testing.T) {
	r := newRouter(t, twoLines())
	file := filepath.Join(r.ConfigDir(), "network")
	text, err := os.ReadFile(file)
	r.must(err)
	bad := strings.Replace(string(text), "'on'", "'bakcup'", 1)
	r.must(os.WriteFile(file, []byte(bad), 0o600))
	page := r.open(administrator, "network", 1280, 1000)
	mode := config.Option{Section: "interface", Name: "multipath"}
	page.await(field(mode) + "?.value == 'bakcup'")
	page.press(".cbi-page-actions", "Save")
	page.says("contains an invalid input value")
	if now, err := os.ReadFile(file); err != nil || string(now) != bad {
		t.Errorf("%v: the file has changed", err)
	}
	readers := r.open(reader, "network", 1280, 1000)
	readers.await("document.querySelectorAll('#view select').length > 7")
	if !readers.is("Array.from(document.querySelectorAll('#view select, #view .cbi-page-actions button')).every((n) => n.disabled)") && os.Getenv("LUCI") == "" {
		t.Error("a reader may change something")
	}
}
