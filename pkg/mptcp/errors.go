// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"fmt"
	"os"
)

// ErrNotSupported is returned by Dial when the kernel has no "mptcp_pm" family:
// it was built without CONFIG_MPTCP. It is compatible with
// errors.Is(err, os.ErrNotExist).
var ErrNotSupported = fmt.Errorf("kernel has no MPTCP path manager: %w", os.ErrNotExist)
