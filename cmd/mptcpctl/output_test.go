// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/valyala/fastjson"
)

func TestJSONIsValidWhateverAStringHolds(t *testing.T) {
	for _, tt := range []struct{ give, want string }{
		{"plain", "plain"},
		{"a\\b\"c/d", "a\\b\"c/d"},
		{"bell\a tab\t line\n vertical\v zero\x00 delete\x7f", "bell\a tab\t line\n vertical\v zero\x00 delete\x7f"},
		{`no escape: \x41 \a`, `no escape: \x41 \a`},
		{"Größe \u2028 😀", "Größe \u2028 😀"},
		{"broken \xff", "broken \ufffd"},
		{"broken \xff\x01", "broken \ufffd\x01"},
	} {
		var out bytes.Buffer
		a := &fastjson.Arena{}
		o := &options{streams: streams{out: &out}}
		if err := o.printJSON(a.NewString(tt.give)); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != tt.want {
			t.Errorf("%q came back as %q (%v), want %q; printed %s", tt.give, got, err, tt.want, &out)
		}
	}
}
