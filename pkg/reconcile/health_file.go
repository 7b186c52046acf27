// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func (r *Runner) healthFile() string { return r.file("health.json") }

// write leaves the verdicts for all runs, and for status. One that is interrupted leaves
// those that were there.
func (c *checker) write() {
	c.stamped = SinceBoot()
	a := &fastjson.Arena{}
	number := func(d time.Duration) *fastjson.Value { return a.NewNumberString(strconv.FormatInt(int64(d), 10)) }
	lines := a.NewArray()
	for i, e := range c.lines {
		o := a.NewObject()
		o.Set("interface", a.NewString(e.Interface))
		o.Set("family", a.NewString(e.Family.String()))
		o.Set("verdict", a.NewString(e.Verdict.String()))
		o.Set("since", number(e.Since))
		o.Set("reason", a.NewString(e.Reason))
		o.Set("source", a.NewString(e.Source))
		for _, flag := range e.flags() {
			if *flag.set {
				o.Set(flag.key, a.NewTrue())
			}
		}
		lines.SetArrayItem(i, o)
	}
	document := a.NewObject()
	document.Set("stamp", number(c.stamped))
	document.Set("lines", lines)
	if err := replaceFile(c.run.healthFile(), append(document.MarshalTo(nil), '\n')); err != nil {
		c.complain(err)
	}
}

// replaceFile puts a file, which all users may read, in the place of another. Where every
// user may write to the directory, nothing is written through what another user has put there.
func replaceFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := openOwn(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// maxHealth is more than the verdicts on all lines of a router are long.
const maxHealth = 1 << 20

// readOwn reads a file that root or this user has written; of another there is nothing.
func readOwn(path string) []byte {
	f, err := file.Open(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != 0 && int(st.Uid) != os.Geteuid() || st.Size > maxHealth {
		return nil
	}
	data := make([]byte, st.Size)
	n, _ := f.Read(data)
	return data[:max(n, 0)]
}

// healthFlag is a value of a verdict with its key in the file.
type healthFlag struct {
	key string
	set *bool
}

func (e *examined) flags() []healthFlag { return healthFlags(&e.Health) }

func healthFlags(h *plan.Health) []healthFlag {
	return []healthFlag{{"no_endpoint", &h.NoEndpoint}, {"no_own", &h.NoOwn}, {"no_forward", &h.NoForward}}
}

// readHealth is what the file says, as long as it counts.
func (r *Runner) readHealth() (all []plan.Health, counts bool) {
	v, err := fastjson.ParseBytes(readOwn(r.healthFile()))
	if err != nil {
		return nil, false
	}
	if age := SinceBoot() - time.Duration(v.GetInt64("stamp")); age < 0 || age > healthCounts {
		return nil, false
	}
	for _, o := range v.GetArray("lines") {
		var h plan.Health
		h.Interface = string(o.GetStringBytes("interface"))
		if string(o.GetStringBytes("family")) == plan.IPv6.String() {
			h.Family = plan.IPv6
		}
		for verdict, word := range health.Words() {
			if word == string(o.GetStringBytes("verdict")) {
				h.Verdict = health.Verdict(verdict)
			}
		}
		h.Since = time.Duration(o.GetInt64("since"))
		h.Reason = config.Shown(string(o.GetStringBytes("reason")))
		h.Source = config.Shown(string(o.GetStringBytes("source")))
		for _, flag := range healthFlags(&h) {
			*flag.set = o.GetBool(flag.key)
		}
		all = append(all, h)
	}
	return all, true
}

// forgetHealth removes the counters and verdicts of a watch that has not ended by
// itself, once they count no more. The caller holds the lock.
func (r *Runner) forgetHealth(ctx context.Context) error {
	if _, err := os.Stat(r.healthFile()); err != nil || r.Watched(ctx) {
		return nil
	}
	if _, counts := r.readHealth(); counts {
		return nil
	}
	return r.removeHealth(ctx)
}

// removeHealth removes the counters and the verdicts.
func (r *Runner) removeHealth(ctx context.Context) error {
	err := nft(context.WithoutCancel(ctx), kernel.RemoveCounters)
	if errors.Is(err, errNoNft) {
		err = nil
	}
	if gone := os.Remove(r.healthFile()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
