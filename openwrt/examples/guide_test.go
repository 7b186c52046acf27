// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// TestTheGuideIsFollowed types every block of commands in the pages beside this
// directory, section by section, and sees that it comes to what the page says.
func TestTheGuideIsFollowed(t *testing.T) {
	t.Parallel()
	followers := map[string]func(*guided){
		"Install":                        followInstall,
		"Two lines":                      followTwoLines,
		"Check":                          followCheck,
		"What netifd does not tell":      followWatch,
		"Help":                           followHelp,
		"Two lines of the same provider": followSameProvider,
		"PPPoE":                          followPPPoE,
		"LTE and 5G":                     followLTE,
		"IPv6":                           followIPv6,
		"A line that is up but dead":     followTracker,
		"Port forwards on a second line": followForwards,
		"From the wiki's scripts":        followWiki,
		"From OpenMPTCProuter":           followOpenMPTCProuter,
		"mwan3 side by side":             followMwan3,

		"Policies for the router's own packets": followOwnPolicy,
	}
	sections := readGuide(t)
	if len(sections) != len(followers) {
		t.Errorf("%d sections have commands, %d are followed", len(sections), len(followers))
	}
	for _, s := range sections {
		t.Run(s.heading, func(t *testing.T) {
			t.Parallel()
			follow := followers[s.heading]
			if follow == nil {
				t.Fatalf("%s: nobody types the commands of %q", s.page, s.heading)
			}
			follow(&guided{T: t, section: s})
		})
	}
}

// A section is a part of a page that has commands to type: blocks that begin
// with "```sh". Other blocks are output, or not tried.
type section struct {
	page, heading string
	blocks        []string
}

func readGuide(t *testing.T) (all []section) {
	t.Helper()
	for _, page := range []string{"../README.md", "../LINES.md", "../LAN.md", "../MIGRATING.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n## ")[1:] {
			heading, body, _ := strings.Cut(part, "\n")
			s := section{page: page, heading: heading}
			for i, block := range strings.Split(body, "\n```") {
				if commands, ok := strings.CutPrefix(block, "sh\n"); ok && i%2 == 1 {
					s.blocks = append(s.blocks, commands+"\n")
				}
			}
			if len(s.blocks) > 0 {
				all = append(all, s)
			}
		}
	}
	return all
}

// guided is a test of one section, which makes the recipe that it needs.
type guided struct {
	*testing.T
	section
}

// lab builds a router with the lines wan and wan2 in these modes and boots it. It
// has fw4's part of NAT, and the providers take no foreign addresses.
func (g *guided) lab(first, second string) *recipe {
	g.Helper()
	return g.equip(newRecipeOn(g.T, netlab.LineConfig{Name: "wan", Multipath: first}, netlab.LineConfig{Name: "wan2", Multipath: second}))
}

func (g *guided) equip(r *recipe) *recipe {
	g.Helper()
	r.Helper()
	busybox, err := exec.LookPath("busybox")
	r.must(err)
	for name, program := range map[string]string{"ping": busybox, "sysctl": busybox, "ip": r.system("ip")} {
		r.must(os.Symlink(program, filepath.Join(r.BinDir(), name)))
	}
	for _, dir := range []string{"etc/hotplug.d/iface", "etc/nftables.d", "usr/bin"} {
		r.must(os.MkdirAll(filepath.Join(r.router.root, dir), 0o755))
	}
	r.write("service", strings.ReplaceAll(serviceScript, "ROOT", r.router.root))
	r.write("logger", "#!/bin/sh\nshift 2\necho \"$@\"\n")
	r.must(os.WriteFile(filepath.Join(r.router.root, "fw4.nft"), []byte(strings.ReplaceAll(firewall, "ROOT", r.router.root)), 0o644))
	r.boot()
	r.types("service firewall reload")
	r.refuseForeignAddresses()
	return r
}

// write makes a program on the router.
func (r *recipe) write(name, script string) {
	r.Helper()
	r.must(os.WriteFile(filepath.Join(r.BinDir(), name), []byte(script), 0o755))
}

// serviceScript does what netifd, fw4 and procd do for the commands of the guide.
const serviceScript = `#!/bin/sh
case "$1 $2" in
"firewall reload")
	nft delete table inet fw4 2>/dev/null
	exec nft -f ROOT/fw4.nft ;;
"network reload" | "network restart")
	for s in $(uci show network | sed -n 's/^network\.\([^.]*\)=rule$/\1/p'); do
		mark=$(uci -q get "network.$s.mark") || continue
		ip rule add pref "$(uci get "network.$s.priority")" fwmark "$mark" lookup "$(uci get "network.$s.lookup")"
	done ;;
"mptcpctl start" | "mptcpctl restart")
	mptcpctl apply ;;
esac
`

// firewall is what fw4 makes of zones with masq and of a redirect.
const firewall = `table inet fw4 {
	include "ROOT/etc/nftables.d/*.nft"
	chain dstnat {
		type nat hook prerouting priority dstnat; policy accept;
		iifname { eth1, eth2 } tcp dport 8080 dnat ip to 192.168.1.100:80
	}
	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname { eth1, eth2 } masquerade
	}
}
`

// programsFirst has the router's shell find a program of its PATH before an applet
// of the same name, as OpenWrt's does. Where busybox is built to prefer its applets
// (FEATURE_SH_STANDALONE: Debian's busybox-static), a function still comes first.
const programsFirst = `for program in "$1"/*; do eval "${program##*/}() { '$program' \"\$@\"; }"; done
`

// types types commands into the router's shell and returns what they print.
func (r *recipe) types(commands string) string {
	r.Helper()
	here := strings.ReplaceAll(commands, "/usr/bin/", r.router.root+"/usr/bin/")
	return r.router.run("busybox", "ash", "-ec", programsFirst+r.router.adapt(here), "ash", r.BinDir())
}

// system finds a program of the machine, which a user's PATH may not have.
func (r *recipe) system(name string) string {
	r.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	r.must(err)
	return path
}

// follow types every block of the section.
func (g *guided) follow(r *recipe) (printed string) {
	g.Helper()
	for _, block := range g.blocks {
		printed += r.types(block)
	}
	return printed
}

// says fails unless text has the words.
func (r *recipe) says(text string, words ...string) {
	r.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			r.Errorf("want %q in:\n%s", w, text)
		}
	}
}

// refuseForeignAddresses makes the providers drop what has not the address that
// they gave, and count it.
func (r *recipe) refuseForeignAddresses() {
	r.Helper()
	var rules string
	for i := 1; i <= 2; i++ {
		rules += fmt.Sprintf("\tcounter line%d { }\n", i)
	}
	rules += "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
	for i := 1; i <= 2; i++ {
		rules += fmt.Sprintf("\t\tiifname line%d ip saddr != 10.0.%d.0/24 counter name line%d drop\n", i, i, i)
	}
	file := filepath.Join(r.Dir, "providers.nft")
	r.must(os.WriteFile(file, []byte("table inet providers {\n"+rules+"\t}\n}\n"), 0o644))
	r.nft("-f", file)
}

func (r *recipe) nft(args ...string) string {
	r.Helper()
	text, err := r.Internet.Output(r.ctx, r.system("nft"), args...)
	if err != nil {
		r.Fatalf("nft %q: %v\n%s", args, err, text)
	}
	return text
}

// refused is how many packets of a line a provider has dropped for their address.
func (r *recipe) refused(line int) (packets int) {
	r.Helper()
	text := r.nft("list", "counter", "inet", "providers", fmt.Sprintf("line%d", line))
	_, after, _ := strings.Cut(text, "packets ")
	if _, err := fmt.Sscan(after, &packets); err != nil {
		r.Fatalf("%v:\n%s", err, text)
	}
	return packets
}

func followInstall(g *guided) {
	r := g.lab("", "")
	before := r.types("ip rule; ip mptcp endpoint")
	g.follow(r)
	if after := r.types("ip rule; ip mptcp endpoint"); after != before {
		g.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// bothLinesCarry waits until one connection of the router does so over both lines.
func (r *recipe) bothLinesCarry() {
	r.Helper()
	server, err := r.Serve(r.ctx)
	r.must(err)
	r.Cleanup(func() { r.check(server.Close()) })
	f := r.transfer(r.Router, netlab.Addr4, false)
	r.eventually("both lines carry the connection", func() bool { return f.carry(2 * megabyte).byBoth(2 * megabyte) })
	f.stop()
}

func followTwoLines(g *guided) {
	r := g.lab("", "")
	g.follow(r)
	r.bothLinesCarry()
}

func followCheck(g *guided) {
	r := g.lab("master", "on")
	printed := g.follow(r)
	r.says(printed, "usable", "endpoint 1 subflow", "endpoint 2 subflow", "default route, ipv4: wan, then wan2", "nothing found\n", "dev eth2 via 10.0.2.1 table 5: ok")
	if plan := r.types("mptcpctl plan"); plan != "" {
		g.Errorf("plan: %s", plan)
	}
}

func followWatch(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	r.says(r.types("uci get network.globals.mptcp_watch"), "1")
}

func followHelp(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	if rules := r.types("ip rule"); strings.Contains(rules, "proto 77") {
		g.Errorf("left:\n%s", rules)
	}
}
