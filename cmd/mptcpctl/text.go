// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strconv"
	"time"
)

// text is a growing output. Its methods keep the many small appends of a row out of
// the code.
type text []byte

func (t *text) str(s string) { *t = append(*t, s...) }

func (t *text) uint(n uint64) { *t = strconv.AppendUint(*t, n, 10) }

func (t *text) address(a netip.AddrPort) { *t = a.AppendTo(*t) }

// token writes a token, "-" for a connection that has none.
func (t *text) token(token uint32) {
	if token == 0 {
		t.str("-")
		return
	}
	*t = appendToken(*t, token)
}

// appendToken writes eight hexadecimal digits.
func appendToken(b []byte, token uint32) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[token>>shift&15])
	}
	return b
}

// column writes a space and a right-aligned number, "-" for an unknown one.
func (t *text) column(n uint64, known bool, width int) {
	t.str(" ")
	start := len(*t)
	if known {
		t.si(n)
	} else {
		t.str("-")
	}
	t.padLeft(start, width)
}

// si writes a number with a decimal prefix in five characters at most.
func (t *text) si(n uint64) {
	prefix := ""
	for _, larger := range []string{"k", "M", "G", "T", "P", "E"} {
		if n < 1000 || prefix != "" && n < 1000_000 {
			break
		}
		if prefix != "" {
			n /= 1000
		}
		prefix = larger
	}
	if prefix == "" {
		t.uint(n)
		return
	}
	t.thousandth(uint32(n), prefix)
}

// rtt writes a round-trip time in six characters, if it is below 10 s.
func (t *text) rtt(d time.Duration) {
	switch us := uint32(d / time.Microsecond); {
	case us == 0:
		t.str("-")
	case us < 1000:
		t.uint(uint64(us))
		t.str("us")
	default:
		t.thousandth(us, "ms")
	}
}

// thousandth writes n/1000 with a tenth if it is below 100.
func (t *text) thousandth(n uint32, unit string) {
	t.uint(uint64(n / 1000))
	if n < 100_000 {
		*t = append(*t, '.', byte('0'+n%1000/100))
	}
	t.str(unit)
}

// padRight fills the text from start on with spaces up to a width.
func (t *text) padRight(start, width int) {
	for len(*t)-start < width {
		*t = append(*t, ' ')
	}
}

// padLeft right-aligns the text from start on in a width.
func (t *text) padLeft(start, width int) {
	n := len(*t) - start
	if n >= width {
		return
	}
	t.padRight(start, width)
	b := (*t)[start:]
	copy(b[width-n:], b[:n])
	for i := range width - n {
		b[i] = ' '
	}
}
