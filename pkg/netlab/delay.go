// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The relay's place in the provider's namespace: its rules come after those of a
// black hole and before main, and its tables lie above all others there.
const (
	delayPriority = blackHolePriority + 1
	delayTable    = 1000
)

// delayPacket is room for the largest packet with its header (struct
// virtio_net_hdr of include/uapi/linux/virtio_net.h), delayQueue for how many may
// be under way: more than a line of 100 Mbit/s has in half a second.
const (
	delayPacket = 64<<10 + 64
	delayQueue  = 8 << 10
)

// A Delay holds what a line carries to and from the far server. Kernels without
// the netem queueing discipline have none, so that a program does it: all packets
// pass a TUN device, in pieces as large as the kernel made them.
type Delay struct {
	tun  *os.File
	done sync.WaitGroup
}

// Delay makes each packet between a line and the far server take that much
// longer, each way, until Close. It is part of this process, unlike other faults.
func (l *Lab) Delay(name string, each time.Duration) (*Delay, error) {
	s, err := readState(l.Dir)
	if err != nil {
		return nil, err
	}
	n, err := s.line(name)
	if err != nil {
		return nil, err
	}
	device := fmt.Sprint("delay", n.Number)
	d := &Delay{}
	if err := l.Internet.Do(func() (err error) {
		d.tun, err = openTUN(device)
		return err
	}); err != nil {
		return nil, fmt.Errorf("delay %s: %w", name, err)
	}
	held := make(chan delayed, delayQueue)
	d.done.Go(func() { d.take(held, each) })
	d.done.Go(func() { d.give(held) })
	if err := l.throughDelay(n, device); err != nil {
		return nil, errors.Join(fmt.Errorf("delay %s: %w", name, err), d.Close())
	}
	return d, nil
}

// Close ends the delay: the device goes, and packets find the way past it.
func (d *Delay) Close() error {
	err := d.tun.Close()
	d.done.Wait()
	return err
}

// delayed is a packet and when it goes on.
type delayed struct {
	due    time.Time
	packet []byte
}

func (d *Delay) take(held chan<- delayed, each time.Duration) {
	defer close(held)
	buffer := make([]byte, delayPacket)
	for {
		n, err := d.tun.Read(buffer)
		if err != nil {
			return // closed
		}
		select {
		case held <- delayed{time.Now().Add(each), append([]byte(nil), buffer[:n]...)}:
		default: // a full queue drops, as any
		}
	}
}

func (d *Delay) give(held <-chan delayed) {
	for p := range held {
		time.Sleep(time.Until(p.due))
		_, _ = d.tun.Write(p.packet) // The kernel refuses some while the device comes or goes.
	}
}

// openTUN makes a TUN device in the namespace of the thread. With the header
// before each packet and the offloads it takes and gives what segmentation
// offload has left whole (Documentation/networking/tuntap.rst).
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// throughDelay leads what passes between a line and the server to the device.
func (l *Lab) throughDelay(n *line, device string) error {
	if err := configure(l.Internet, device); err != nil {
		return err
	}
	link, err := l.Internet.Netlink.LinkByName(device)
	if err != nil {
		return err
	}
	table := delayTable + n.Number
	for _, gateway := range n.Gateways {
		subnet := netip.PrefixFrom(gateway, subnetBits(gateway)).Masked()
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Table: table, Dst: ipNet(everything(gateway))}
		if err := l.Internet.Netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("route to %s: %w", device, err)
		}
		for _, r := range delayRules(n, subnet) {
			if err := addRule(l.Internet.Netlink, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// delayRules are those of one family: from the line, and from the server to it.
func delayRules(n *line, subnet netip.Prefix) []*netlink.Rule {
	family := unix.AF_INET
	if subnet.Addr().Is6() {
		family = unix.AF_INET6
	}
	up, down := netlink.NewRule(), netlink.NewRule()
	for _, r := range []*netlink.Rule{up, down} {
		r.Priority, r.Family, r.Table = delayPriority, family, delayTable+n.Number
	}
	up.IifName = n.Far
	down.IifName, down.Dst = serverUplink, ipNet(subnet)
	return []*netlink.Rule{up, down}
}
