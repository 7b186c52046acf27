// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"fmt"
	"os"
)

// ErrNotSupported is returned by Dial and DialEvents when the kernel has no
// "mptcp_pm" family, and by Counters when it has no MPTCP counters: it was built
// without CONFIG_MPTCP. It is compatible with errors.Is(err, os.ErrNotExist).
var ErrNotSupported = fmt.Errorf("kernel has no MPTCP path manager: %w", os.ErrNotExist)
