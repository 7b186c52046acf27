// SPDX-License-Identifier: Apache-2.0

//go:build !browser

package luci

import "testing"

// withProgram is the tests that need no program.
type withProgram struct{ *testing.M }
