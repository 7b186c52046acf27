// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// transferFlags say what to carry.
type transferFlags struct {
	bytes, rate         string
	duration, timeout   time.Duration
	up, down            bool
	lan, ipv6, tcp, raw bool
	background          string
}

func newTransferCmd() *cobra.Command {
	var f transferFlags
	c := &cobra.Command{
		Use:   "transfer",
		Short: "Carry bytes to and from the far server over one connection",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.background != "" {
				return f.detach()
			}
			return inLab(func(l *netlab.Lab) error { return f.run(cmd.Context(), l, cmd.OutOrStdout()) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.bytes, "bytes", "20M", "how much each way")
	flags.DurationVar(&f.duration, "duration", 0, "carry for this long instead")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "give up after this long")
	flags.StringVar(&f.rate, "rate", "", "bytes per second each way at most, such as `1M`")
	flags.BoolVar(&f.up, "up", false, "only to the server")
	flags.BoolVar(&f.down, "down", false, "only from the server")
	flags.BoolVar(&f.lan, "lan", false, "from the LAN host instead of the router")
	flags.BoolVar(&f.ipv6, "ipv6", false, "over IPv6")
	flags.BoolVar(&f.tcp, "tcp", false, "over plain TCP, for comparison")
	flags.BoolVar(&f.raw, "json", false, "print JSON")
	flags.StringVar(&f.background, "background", "", "return at once, and write the result to `file` at the end")
	c.MarkFlagsMutuallyExclusive("up", "down")
	return c
}

// detach starts the same command again, to write into the file and outlive this one.
func (f *transferFlags) detach() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := os.Create(f.background)
	if err != nil {
		return err
	}
	args := slices.Clone(os.Args[1:])
	if i := slices.Index(args, "--background"); i >= 0 {
		args = slices.Delete(args, i, i+2)
	}
	args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "--background=") })
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return errors.Join(cmd.Start(), file.Close())
}

// transfer translates the flags.
func (f *transferFlags) transfer() (netlab.Transfer, error) {
	t := netlab.Transfer{Server: netlab.Addr4, TCP: f.tcp}
	if f.ipv6 {
		t.Server = netlab.Addr6
	}
	amount, err := parseBytes(f.bytes)
	if err != nil {
		return t, fmt.Errorf("--bytes: %w", err)
	}
	if f.duration > 0 {
		amount = netlab.Endless
	}
	if f.rate != "" {
		if t.Rate, err = parseBytes(f.rate); err != nil {
			return t, fmt.Errorf("--rate: %w", err)
		}
	}
	if !f.down {
		t.Up = amount
	}
	if !f.up {
		t.Down = amount
	}
	return t, nil
}

func (f *transferFlags) run(ctx context.Context, l *netlab.Lab, out io.Writer) error {
	t, err := f.transfer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	from := l.Router
	if f.lan {
		if from = l.LAN; from == nil {
			return errors.New("this lab has no LAN host (mptcplab run --lan)")
		}
	}
	before, err := l.Counters()
	if err != nil {
		return err
	}
	running, err := from.StartTransfer(ctx, t)
	if err != nil {
		return err
	}
	if f.duration > 0 {
		defer time.AfterFunc(f.duration, running.Finish).Stop()
	}
	result, err := running.Wait()
	if result.Broke() {
		err = errors.New("the connection broke")
	}
	after, countErr := l.Counters()
	if countErr != nil {
		return errors.Join(err, countErr)
	}
	for i := range after {
		after[i] = after[i].Since(before[i])
	}
	return errors.Join(err, f.print(out, result, after))
}

func (f *transferFlags) print(out io.Writer, r netlab.Result, lines []netlab.Counters) error {
	if f.raw {
		return json.NewEncoder(out).Encode(struct {
			netlab.Result
			Lines []netlab.Counters `json:"lines"`
		}{r, lines})
	}
	protocol, end := "plain TCP", "it lived to the end"
	if r.Multipath {
		protocol = "Multipath TCP"
	}
	if r.Broke() {
		end = "it broke: " + r.Error
	}
	fmt.Fprintf(out, "%s up and %s down in %.1f s over one connection of %s; %s; longest stall %.2f s\n",
		megabytes(r.Up), megabytes(r.Down), r.Took.Seconds(), protocol, end, r.Stall.Seconds())
	return printLines(out, lines)
}
