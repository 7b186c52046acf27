// SPDX-License-Identifier: Apache-2.0

// Package snapshot keeps all that a plan is made from in one JSON document, so
// that the plan can be made again anywhere, by anybody: in a bug report, or as
// the fixture of a test. What a plan is not made from is left out, above all the
// passwords and keys of the configuration, and nothing in it depends on the
// time.
//
//	data := snapshot.Encode(&s)
//	s, err := snapshot.Decode(data)
//	err = s.Redact() // masks addresses
package snapshot
