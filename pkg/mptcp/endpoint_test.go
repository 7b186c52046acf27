// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"os"
	"testing"
)

func TestFlagsString(t *testing.T) {
	tests := []struct {
		name  string
		flags Flags
		want  string
	}{
		{"no flag is the empty string", 0, ""},
		{"one flag", FlagSignal, "signal"},
		{"words stand in the order of ip mptcp", FlagBackup | FlagSubflow, "subflow backup"},
		{"laminar stands before backup", FlagLaminar | FlagSubflow | FlagBackup, "subflow laminar backup"},
		{"every flag has a name", 0x3f, "signal subflow laminar backup fullmesh implicit"},
		{"bits without a name follow in hexadecimal", FlagImplicit | 0x140, "implicit 0x140"},
		{"the highest bit alone", 1 << 31, "0x80000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.flags.String(); got != tt.want {
				t.Errorf("Flags(%#x).String() = %q, want %q", uint32(tt.flags), got, tt.want)
			}
		})
	}
}

func TestErrNotSupportedIsNotExist(t *testing.T) {
	if !errors.Is(ErrNotSupported, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", ErrNotSupported)
	}
}
