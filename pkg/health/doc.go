// SPDX-License-Identifier: Apache-2.0

// Package health judges whether a line that is up carries anything. Evidence goes in,
// a verdict comes out: the package asks nobody and knows no clock, so that the same
// evidence always leads to the same verdict.
//
//	line := health.New(check, len(targets), now)
//	for ... {
//		probes := line.Observe(sample) // ask these targets
//		verdict := line.State()
//		... wait for line.Pause(), or an answer
//	}
package health
