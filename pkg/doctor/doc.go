// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what is wrong with a multipath router and says which
// command mends it. It is pure: a caller fills in Facts, with pkg/kernel and
// what else it knows, and Examine makes findings of them.
//
//	facts := doctor.Facts{Config: &cfg, Result: result, State: state, Router: k}
//	for _, f := range doctor.Examine(&facts) {
//		fmt.Println(f.ID, f.Text, f.Fix)
//	}
package doctor
