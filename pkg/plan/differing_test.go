// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubflowsThatDifferFromTheirEndpointAreEnded(t *testing.T) {
	one, two := addr("10.0.1.2"), addr("10.0.2.2")
	// On wan1, which is no backup, and wan2, which is.
	right1, right2 := Subflow{Token: 7, Cookie: 1, Local: one}, Subflow{Token: 7, Cookie: 2, Local: two, Backup: true}
	wrong1, wrong2 := Subflow{Token: 7, Cookie: 3, Local: one, Backup: true}, Subflow{Token: 7, Cookie: 4, Local: two}
	stalled, young, fallback, other := right1, wrong1, wrong1, right1
	stalled.Stalled, young.Young, fallback.Plain, other.Token = true, true, true, 8
	for _, tt := range []struct {
		name     string
		change   func(*scene)
		subflows []Subflow
		ended    []uint64
	}{
		{"none differs", nil, []Subflow{right1, right2}, nil},
		{"the twin of one that was told", nil, []Subflow{right1, wrong1}, []uint64{3}},
		{"in either direction", nil, []Subflow{right2, wrong2, wrong1}, []uint64{4, 3}},
		{"another line works", nil, []Subflow{wrong1, right2}, []uint64{3}},
		{"nothing else works", nil, []Subflow{wrong1, wrong2}, nil},
		{"another connection is no help", nil, []Subflow{wrong1, other}, nil},
		{"the other gets no answers", nil, []Subflow{stalled, wrong2}, nil},
		{"the other's cable is out", func(s *scene) { s.state.Devices[1].Carrier = false }, []Subflow{right1, wrong2}, nil},
		{"before the first data", nil, []Subflow{right2, young}, nil},
		{"what does plain TCP", nil, []Subflow{right2, fallback}, nil},
		{"no line's address", nil, []Subflow{right1, {Token: 7, Cookie: 9, Local: addr("192.168.1.1"), Backup: true}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "backup")
			s.settled()
			if tt.change != nil {
				tt.change(s)
			}
			s.state.Subflows = tt.subflows
			r := s.make()
			var ended []uint64
			for _, op := range r.EndDiffering(&s.state) {
				ended = append(ended, op.Subflow.Cookie)
				if op.Object != ObjectSubflow || op.Action != Delete || !slices.Contains([]string{"wan1", "wan2"}, op.Interface) {
					t.Errorf("operation %+v", op)
				}
			}
			if diff := cmp.Diff(tt.ended, ended); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}
