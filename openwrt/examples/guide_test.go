// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// TestTheGuideIsFollowed types every block of commands in the pages beside this
// directory, section by section, and sees that it comes to what the page says.
func TestTheGuideIsFollowed(t *testing.T) {
	t.Parallel()
	followers := map[string]func(*guided){
		"Install":                        followInstall,
		"Before you begin":               followBefore,
		"Two lines":                      followTwoLines,
		"Check":                          followCheck,
		"What netifd does not report":    followWatch,
		"Two lines of the same provider": followSameProvider,
		"PPPoE":                          followPPPoE,
		"LTE and 5G":                     followLTE,
		"IPv6":                           followIPv6,
		"A line that is up but dead":     followTracker,
		"A tunnel of the router":         followTunnel,
		"Names: which line is asked":     followNames,
		"Port forwards on a second line": followForwards,
		"In this order":                  followOrder,
		"If you are locked out":          followLockedOut,
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
	for _, dir := range []string{"etc/hotplug.d/iface", "etc/nftables.d", "usr/bin", "root", "tmp"} {
		r.must(os.MkdirAll(filepath.Join(r.router.root, dir), 0o755))
	}
	r.must(os.Symlink(r.ConfigDir(), filepath.Join(r.router.root, "etc/config")))
	interfaces, err := r.Interfaces()
	r.must(err)
	zones := freshZones
	for _, i := range interfaces {
		if i.Name != "loopback" && i.Name != "lan" {
			zones += "\tlist network '" + i.Name + "'\n"
		}
	}
	r.must(os.WriteFile(filepath.Join(r.ConfigDir(), "firewall"), []byte(zones), 0o644))
	r.must(os.WriteFile(filepath.Join(r.ConfigDir(), "dhcp"), []byte("\nconfig dnsmasq\n\toption localise_queries '1'\n"), 0o644))
	r.write("service", strings.ReplaceAll(serviceScript, "ROOT", r.router.root))
	r.write("logger", "#!/bin/sh\nshift 2\necho \"$@\"\n")
	r.write("reboot", "#!/bin/sh\necho rebooted >>"+r.router.root+"/tmp/reboots\n")
	r.boot()
	r.types("service firewall reload")
	r.refuseForeignAddresses()
	return r
}

// freshZones are the zones of a fresh OpenWrt, as far as a test needs them; the
// networks of the zone wan follow.
const freshZones = `
config zone
	option name 'lan'
	list network 'lan'

config zone
	option name 'wan'
	option masq '1'
`

// write makes a program on the router.
func (r *recipe) write(name, script string) {
	r.Helper()
	r.must(os.WriteFile(filepath.Join(r.BinDir(), name), []byte(script), 0o755))
}

// serviceScript does what netifd, fw4 and procd do for the commands of the guide.
// Of the firewall that is NAT: a zone's networks are hidden, a redirect leads in.
const serviceScript = `#!/bin/sh
case "$1 $2" in
"firewall reload")
	devices=
	for n in $(uci get firewall.@zone[1].network); do
		device=$(uci -q get "network.$n.device") || continue
		case $device in @* | /*) continue ;; esac # an alias; a modem
		devices="$devices $device,"
	done
	redirects=
	i=0
	while uci -q get "firewall.@redirect[$i]" >/dev/null; do
		redirects="$redirects
		iifname {$devices } tcp dport $(uci get "firewall.@redirect[$i].src_dport") dnat ip to $(uci get "firewall.@redirect[$i].dest_ip"):$(uci get "firewall.@redirect[$i].dest_port")"
		i=$((i + 1))
	done
	nft delete table inet fw4 2>/dev/null
	exec nft -f - <<EOF
table inet fw4 {
	include "ROOT/etc/nftables.d/*.nft"
	chain dstnat {
		type nat hook prerouting priority dstnat; policy accept;
		$redirects
	}
	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname {$devices } masquerade
	}
}
EOF
	;;
"network reload" | "network restart")
	for s in $(uci show network | sed -n 's/^network\.\([^.]*\)=rule$/\1/p'); do
		mark=$(uci -q get "network.$s.mark") || continue
		ip rule add pref "$(uci get "network.$s.priority")" fwmark "$mark" lookup "$(uci get "network.$s.lookup")"
	done ;;
"mptcpctl start" | "mptcpctl restart")
	mptcpctl apply ;;
esac
`

// programsFirst has the router's shell find a program of its PATH before an applet
// of the same name, as OpenWrt's does. Where busybox is built to prefer its applets
// (FEATURE_SH_STANDALONE: Debian's busybox-static), a function still comes first.
const programsFirst = `for program in "$1"/*; do eval "${program##*/}() { '$program' \"\$@\"; }"; done
`

// types types commands into the router's shell and returns what they print.
func (r *recipe) types(commands string) string {
	r.Helper()
	root := r.router.root
	here := r.router.adapt(commands, "/usr/bin/", root+"/usr/bin/", "/root/", root+"/root/", "/tmp/", root+"/tmp/", "\nreboot\n", "\n"+r.BinDir()+"/reboot\n")
	return r.router.run("busybox", "ash", "-ec", programsFirst+here, "ash", r.BinDir())
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
func (r *recipe) refused(line int) int {
	r.Helper()
	return r.counted("counter", "inet", "providers", fmt.Sprintf("line%d", line))
}

// counted is what a counter of the internet's nftables says.
func (r *recipe) counted(name ...string) (packets int) {
	r.Helper()
	text := r.nft(append([]string{"list"}, name...)...)
	_, after, _ := strings.Cut(text, "packets ")
	if _, err := fmt.Sscan(after, &packets); err != nil {
		r.Fatalf("%v:\n%s", err, text)
	}
	return packets
}

func followInstall(g *guided) {
	r := g.lab("", "")
	r.types("touch /tmp/mptcpctl_0.2.0-r1_x86_64.ipk")
	before := r.types("ip rule; ip mptcp endpoint")
	g.follow(r)
	r.says(r.types("ls /root; cat /etc/sysupgrade.conf"), "mptcpctl_0.2.0-r1_x86_64.ipk\n", "/root/mptcpctl_0.2.0-r1_x86_64.ipk\n")
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

// blocksOf returns the commands of another section of the guide.
func (g *guided) blocksOf(heading string) []string {
	g.Helper()
	for _, s := range readGuide(g.T) {
		if s.heading == heading {
			return s.blocks
		}
	}
	g.Fatalf("no page has the section %q", heading)
	return nil
}

func followBefore(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	before := r.types("cat /etc/config/network /etc/config/firewall")
	r.types(`uci delete network.wan2
uci add_list firewall.@zone[0].network=wan2
uci commit network
uci commit firewall`)
	if r.types("cat /etc/config/network /etc/config/firewall") == before || r.reboots() != 0 {
		g.Fatal("nothing has changed, or the router has rebooted before the way back")
	}
	r.types("sh /root/way-back")
	if now := r.types("cat /etc/config/network /etc/config/firewall"); now != before || r.reboots() != 1 {
		g.Errorf("%d reboots; the configuration was\n%s\nand is\n%s", r.reboots(), before, now)
	}
}

// reboots is how often the router was told to reboot.
func (r *recipe) reboots() int {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.router.root, "tmp/reboots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Fatal(err)
	}
	return strings.Count(string(text), "rebooted\n")
}

// timeIsUp lets the guide's "sleep 600" end, and waits for what comes after it.
const timeIsUp = `
echo >alarm
wait
`

func followTwoLines(g *guided) {
	r := g.lab("", "")
	fifo := filepath.Join(r.router.root, "alarm")
	r.must(unix.Mkfifo(fifo, 0o600))
	r.write("sleep", "#!/bin/sh\nread -r _ <"+fifo+"\n")
	g.Cleanup(func() { // When a command in between has failed, it still sleeps.
		end, err := os.OpenFile(fifo, os.O_RDWR, 0)
		r.must(err)
		_, err = end.WriteString("\n")
		r.check(err, end.Close())
	})
	// As a fresh OpenWrt with DSA has it: the second line's port is one of the LAN's.
	r.types(`cat >>/etc/config/network <<EOF

config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'eth2'
	list ports 'eth3'
EOF
uci del_list firewall.@zone[1].network=wan2
uci commit firewall
service firewall reload`)
	for _, block := range g.blocksOf("Before you begin") {
		r.types(block)
	}
	before := r.types("cat /etc/config/network")

	// In one shell, as a person has it: the way back starts in its background.
	r.types(strings.Join(g.blocks, "") + timeIsUp)
	if r.reboots() != 0 {
		g.Error("the way back was taken although all is well")
	}
	if ports := r.types("uci get network.@device[0].ports"); ports != "eth3\n" {
		g.Errorf("ports of the LAN: %q", ports)
	}
	r.bothLinesCarry()
	e := r.echo()
	c := r.dialUDP(r.LAN, "", e.address)
	c.eventuallyFrom("10.0.1.2")
	r.types("mptcpctl iface wan handover")
	c.eventuallyFrom("10.0.2.2")
	// Without its place in the zone the second line carries the LAN's own addresses.
	r.types("uci del_list firewall.@zone[1].network=wan2; uci commit firewall; service firewall reload")
	stranger := r.dialUDP(r.LAN, "", e.address)
	refused := r.refused(2)
	stranger.send("from the LAN")
	r.eventually("the provider has dropped it", func() bool { return r.refused(2) > refused })

	// The same without "touch": the way back is taken.
	r.types(g.blocks[0] + timeIsUp)
	if now := r.types("cat /etc/config/network"); r.reboots() != 1 || now != before {
		g.Errorf("%d reboots; the configuration was\n%s\nand is\n%s", r.reboots(), before, now)
	}
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
