// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// parseBits reads a rate as tc writes it: 20mbit, 512kbit, 1gbit.
func parseBits(text string) (uint64, error) {
	return scaled(text, map[string]uint64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "bit": 1})
}

// parseBytes reads a size: 500, 64k, 20M, 1G.
func parseBytes(text string) (uint64, error) {
	return scaled(text, map[string]uint64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9})
}

func scaled(text string, units map[string]uint64) (uint64, error) {
	number := strings.TrimRightFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	factor, known := units[strings.ToLower(text[len(number):])]
	value, err := strconv.ParseUint(number, 10, 32)
	if err != nil || !known {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return value * factor, nil
}

// megabytes writes a size for people.
func megabytes(n uint64) string {
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}
